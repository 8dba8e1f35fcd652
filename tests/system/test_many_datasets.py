"""More datasets than have series of their own: each that declares how old its data may be is watched all the same."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Headgate

DATASETS = 60
SERIES = 10
HOUR_SECONDS = 3600.0


def _by_dataset(headgate: Headgate, metric: str) -> dict[str, float]:
    return {one.labels["dataset"]: one.value for one in headgate.samples() if one.name == f"headgate_{metric}"}


def _add_dataset(headgate: Headgate, name: str) -> None:
    folder = headgate.folder / "datasets"
    sound = (folder / "orders.yml").read_text(encoding="utf-8")
    spec = sound.replace("dataset: orders", f"dataset: {name}\nfreshness_seconds: {HOUR_SECONDS:g}")
    spec = spec.replace('"orders*"', f'"{name}-*"').replace("table: orders", f"table: {name}")
    (folder / f"{name}.yml").write_text(spec, encoding="utf-8")


def test_freshness_of_every_dataset_with_a_target_is_measured(
    sqlite_headgate: Headgate, orders: Callable[..., Path]
) -> None:
    """Beyond the limit all shared `_other`, whose target is 0: nobody saw them go stale."""
    headgate = sqlite_headgate
    names = [f"d{number:02}" for number in range(DATASETS)]
    for name in names:
        _add_dataset(headgate, name)
    headgate.settings["exporter"] |= {"dataset_series": SERIES}
    headgate.write_config()
    checked = headgate.command("check", "-c", headgate.config)
    assert checked.returncode == 0, checked.stderr
    beyond = f"datasets beyond exporter.dataset_series ({SERIES}): {DATASETS + 1 - SERIES}"
    assert beyond in checked.stdout + checked.stderr
    process = headgate.start_ready()
    targets = _by_dataset(headgate, "dataset_freshness_target_seconds")
    assert {name: targets.get(name) for name in names} == dict.fromkeys(names, HOUR_SECONDS)
    assert targets["_other"] == 0
    assert names[-1] not in _by_dataset(headgate, "ingest_bytes_total")
    before = time.time()
    orders(headgate.inbox / f"{names[-1]}-1.xlsx", 5)
    loaded_at = "dataset_last_success_timestamp_seconds"
    headgate.until(lambda: _by_dataset(headgate, loaded_at)[names[-1]] >= before, "the file is loaded", process=process)
    assert _by_dataset(headgate, loaded_at)[names[-2]] == 0
    _add_dataset(headgate, "d99")
    process.send_signal(signal.SIGHUP)
    headgate.until(
        lambda: _by_dataset(headgate, "dataset_freshness_target_seconds").get("d99") == HOUR_SECONDS,
        "one that comes later is watched, too",
        process=process,
    )
    assert headgate.stop(process) == 0
