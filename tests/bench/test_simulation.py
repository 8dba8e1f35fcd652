"""The simulation of docs/scaling.md, where its answer is known without one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scale.simulation import Core, Costs, Simulation

FILES = 200
COSTS = Costs(client=0.001, daemon=0.003, worker=0.004, server=0.002, sync=0.0)
ALL = Core(daemons=frozenset([0]), for_others=True)


def per_second(costs: Costs, cores: list[Core], daemons: int) -> float:
    ended = Simulation(costs, cores, daemons=daemons, uploads=4).run([0.0] * FILES)
    assert len(ended) == FILES
    return FILES / max(end for _, end in ended)


def own(daemons: int, *, speed: float = 1.0) -> list[Core]:
    return [Core(speed=speed, daemons=frozenset([number])) for number in range(daemons)]


def test_one_core_does_the_sum_of_the_costs() -> None:
    assert per_second(COSTS, [ALL], 1) == pytest.approx(100)


def test_a_file_that_is_alone_takes_its_costs_and_waits() -> None:
    costs = replace(COSTS, sync=0.005)
    came, ended = Simulation(costs, [ALL], daemons=1).run([7.0])[0]
    assert ended - came == pytest.approx(0.010 + 3 * 0.005)


@pytest.mark.parametrize("daemons", [1, 2, 4])
def test_daemons_with_cores_of_their_own_are_as_fast_as_they_are_many(daemons: int) -> None:
    others = [Core(for_others=True)] * 8
    assert per_second(COSTS, [*own(daemons), *others], daemons) == pytest.approx(daemons / 0.007, rel=0.05)


def test_a_quarter_of_a_core_does_a_quarter() -> None:
    assert per_second(COSTS, [*own(1, speed=0.25), Core(for_others=True)], 1) == pytest.approx(0.25 / 0.007, rel=0.05)


@pytest.mark.parametrize("daemons", [2, 4])
def test_where_the_server_is_the_limit_more_daemons_are_no_faster(daemons: int) -> None:
    slow = replace(COSTS, client=0.0, server=0.02)
    assert per_second(slow, [*own(daemons), Core(for_others=True)], daemons) == pytest.approx(50, rel=0.05)
