"""Who is let in when: lanes take turns, the queue is bounded, places come and go."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.errors import PoolClosedError, QueueFullError
from daemon.executors.fair_limiter import FairLimiter


def _limiter(places: int = 1, queue_limit: int = 100, queue_timeout_seconds: float = 30.0) -> FairLimiter:
    return FairLimiter(places=places, queue_limit=queue_limit, queue_timeout_seconds=queue_timeout_seconds)


async def _pass(limiter: FairLimiter, lane: str, order: list[str]) -> None:
    await limiter.enter(lane)
    order.append(lane)
    await asyncio.sleep(0)
    limiter.leave()


async def _order(limiter: FairLimiter, lanes: str) -> str:
    """Let everybody ask at once, one letter a lane, and return in which order they were let in."""
    await limiter.enter("holder")
    order: list[str] = []
    asking = [asyncio.create_task(_pass(limiter, lane, order)) for lane in lanes]
    await asyncio.sleep(0)
    limiter.leave()
    await asyncio.gather(*asking)
    return "".join(order)


@pytest.mark.parametrize(
    ("asked", "let_in"),
    [
        ("aaaa", "aaaa"),
        ("aaaab", "abaaa"),
        ("aaabbc", "abcaba"),
        ("aaaaaabcd", "abcdaaaaa"),
    ],
)
async def test_lanes_take_turns_and_keep_their_own_order(asked: str, let_in: str) -> None:
    assert await _order(_limiter(), asked) == let_in


async def test_a_flood_beyond_the_queue_does_not_hold_up_another_lane() -> None:
    assert (await _order(_limiter(queue_limit=3), "a" * 20 + "b"))[:2] == "ab"


async def test_beyond_the_queue_patience_ends() -> None:
    limiter = _limiter(queue_limit=1, queue_timeout_seconds=0.05)
    await limiter.enter("a")
    queued = asyncio.create_task(limiter.enter("a"))
    await asyncio.sleep(0)
    with pytest.raises(QueueFullError, match="1 tasks waited"):
        await limiter.enter("a")
    limiter.leave()
    await queued


async def test_who_moves_up_into_the_queue_may_wait() -> None:
    limiter = _limiter(queue_limit=1, queue_timeout_seconds=0.05)
    await limiter.enter("a")
    waiting = [asyncio.create_task(limiter.enter("a")) for _ in range(2)]
    await asyncio.sleep(0)
    limiter.leave()
    await asyncio.sleep(0.2)
    assert [task.done() for task in waiting] == [True, False]
    limiter.leave()
    await asyncio.gather(*waiting)


async def test_more_places_let_in_who_waits_and_fewer_send_nobody_away() -> None:
    limiter = _limiter(places=1)
    waiting = [asyncio.create_task(limiter.enter("a")) for _ in range(4)]
    await asyncio.sleep(0)
    assert sum(task.done() for task in waiting) == 1
    limiter.resize(places=3, queue_limit=100, queue_timeout_seconds=30)
    await asyncio.sleep(0)
    assert sum(task.done() for task in waiting) == 3
    limiter.resize(places=1, queue_limit=100, queue_timeout_seconds=30)
    for _ in range(2):
        limiter.leave()
        await asyncio.sleep(0)
        assert not waiting[3].done()
    limiter.leave()
    await waiting[3]
    limiter.leave()
    await limiter.wait_until_empty()


async def test_a_longer_queue_takes_in_who_was_outside() -> None:
    limiter = _limiter(queue_limit=1, queue_timeout_seconds=0.1)
    await limiter.enter("a")
    waiting = [asyncio.create_task(limiter.enter("a")) for _ in range(3)]
    await asyncio.sleep(0)
    limiter.resize(places=1, queue_limit=3, queue_timeout_seconds=0.1)
    await asyncio.sleep(0.3)
    assert not any(task.done() for task in waiting)
    limiter.dismiss()
    assert all(isinstance(error, PoolClosedError) for error in await asyncio.gather(*waiting, return_exceptions=True))


@settings(max_examples=60, deadline=None)
@given(
    places=st.integers(1, 4),
    limit=st.integers(1, 5),
    script=st.lists(
        st.one_of(
            st.tuples(st.just("ask"), st.sampled_from("abc")),
            st.tuples(st.just("cancel"), st.integers(0, 30)),
            st.tuples(st.just("leave"), st.none()),
            st.tuples(st.just("resize"), st.integers(1, 4)),
        ),
        max_size=60,
    ),
)
def test_places_are_neither_lost_nor_handed_out_twice(  # noqa: C901  # a script has a branch for each verb
    places: int, limit: int, script: list[tuple[str, int | str | None]]
) -> None:
    """Whatever happens in whatever order: when all are through, the limiter is empty and as wide as it was set."""

    async def play() -> None:
        width = places
        limiter = _limiter(places=places, queue_limit=limit, queue_timeout_seconds=60)
        asking: list[asyncio.Task[None]] = []
        inside = Counter[str]()

        async def ask(lane: str) -> None:
            await limiter.enter(lane)
            inside["now"] += 1

        for verb, value in script:
            if verb == "ask":
                asking.append(asyncio.create_task(ask(str(value))))
            elif verb == "cancel" and asking:
                asking[int(value or 0) % len(asking)].cancel()
            elif verb == "leave" and inside["now"]:
                inside["now"] -= 1
                limiter.leave()
            elif verb == "resize":
                width = int(value or 1)
                limiter.resize(places=width, queue_limit=limit, queue_timeout_seconds=60)
            if verb != "cancel":  # a cancellation may come between being let in and noticing it
                await asyncio.sleep(0)
            assert inside["now"] <= 4
        for _ in range(200):
            await asyncio.sleep(0)
            if inside["now"]:
                inside["now"] -= 1
                limiter.leave()
        assert all(task.done() for task in asking)
        async with asyncio.timeout(1):
            await limiter.wait_until_empty()
        last = [asyncio.create_task(ask("z")) for _ in range(width + 1)]
        await asyncio.sleep(0)
        assert inside["now"] == width
        limiter.leave()
        await asyncio.gather(*last)

    asyncio.run(play())
