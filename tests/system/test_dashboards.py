"""Every query of every panel, asked of a real Prometheus that scrapes a real daemon at work on the demo's workbooks."""

from __future__ import annotations

import itertools
import math
import re
import shutil
import threading
import time
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml
from api_caller import Api
from dashboards import FILES, ROOT, Target, filled, load, selections, targets
from prometheus_server import Prometheus, PrometheusError, running_prometheus

from .conftest import Headgate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from postgres_server import Postgres

pytestmark = [
    pytest.mark.xdist_group("dashboards"),  # one daemon at work for all of them
    pytest.mark.timeout(400),
]

WINDOW_SECONDS: Final = 60.0
SCRAPES: Final = ("1s", "4s")
"""As 15 and 60 seconds are to the intervals that Grafana chooses."""
JOBS: Final = 24
PAUSE_SECONDS: Final = 0.5

EMPTY: Final = {
    "Attempts that were repeated": "no attempt fails under the demo load",
    "Tasks that failed, by kind": "no task fails under the demo load",
    "Workers ended, by reason": "no worker is idle or old enough within a minute",
    "Time to open a connection": "connections are opened at the start and kept",
    "Errors, by class": "the database makes no errors",
    "Callers that waited in vain": "the pool is large enough",
    "Collectors that failed": "none does",
    "Alerts": "nothing fires within a minute",
    "Datasets counted under _other": "there are four",
    "Times the loop was held up": "where the machine has time",
    "Held back by the quota": "only where a control group has a CPU quota",
    "Times another folder stood in its place": "no folder is replaced",
    "Times memory ran into a limit": "it does not",
    "What sources fail by": "the source answers",
    "Operations that failed": "the shared spool answers",
    "Age of the last look at a mailbox": "there is no mail server here; test_mail_intake.py looks at these numbers",
    "Looks and messages that failed, by kind": "the same",
    "Messages, by outcome": "the same",
    "Attachments, by outcome": "the same",
    "Tries at replies, by outcome": "the same",
    "The scheduler answers": "there is no cluster here; test_dask.py looks at these numbers",
    "Dask workers": "the same",
    "Places of the cluster": "the same",
    "Connections to the scheduler that were lost": "the same",
    "Some task waited for it": "only where the kernel counts pressure",
    "Every task waited for it": "only where the kernel counts pressure",
}
"""Panels that may show nothing here, and why; but for those below their series are there."""
SERIES_MAY_BE_MISSING: Final = {
    *("Some task waited for it", "Every task waited for it"),
    *("Age of the last look at a mailbox", "Looks and messages that failed, by kind", "Messages, by outcome"),
    *("Attachments, by outcome", "Tries at replies, by outcome"),
    *("The scheduler answers", "Dask workers", "Places of the cluster", "Connections to the scheduler that were lost"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A time range that somebody chooses, the step of its graphs and what Grafana makes of its variables then."""

    seconds: float
    step_seconds: float
    intervals: dict[str, str]


RANGES: Final = {
    "while it is at work": Range(
        seconds=WINDOW_SECONDS, step_seconds=5, intervals={"rate_interval": "20s", "interval": "10s", "range": "60s"}
    ),
    # Almost all of it lies before the first start, and a step is longer than the daemon has lived.
    "seven days": Range(
        seconds=7 * 86400, step_seconds=600, intervals={"rate_interval": "610s", "interval": "600s", "range": "7d"}
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """The servers under the demo load, and what the variables of the dashboards resolve to."""

    prometheus: Prometheus
    values: dict[str, list[str]]

    def result(self, target: Target, shown: Range) -> list[dict[str, Any]]:
        """Ask what Grafana would ask for a time range, with every value of each variable chosen."""
        chosen = {name: "|".join(re.escape(value) for value in values) for name, values in self.values.items()}
        promql = target.promql(**{name: text.replace("\\", "\\\\") for name, text in chosen.items()}, **shown.intervals)
        if target.panel["type"] == "timeseries":
            return self.prometheus.query_range(promql, seconds=shown.seconds, step_seconds=shown.step_seconds)
        return [{**series, "values": [series["value"]]} for series in self.prometheus.query(promql)]

    def missing(self, target: Target) -> set[str]:
        """Names of the series of an empty panel that are not there at all, though they should be."""
        if target.panel["title"] in SERIES_MAY_BE_MISSING:
            return set()
        names = {selection.name for selection in selections(target.promql())}
        return {name for name in names if not self.prometheus.query(f"count({name})")}


def at_work(headgate: Headgate, source: Path, stop: threading.Event) -> None:
    """Check the demo's workbooks and hand them in, again and again, with other bytes around the same content."""
    api = Api(headgate.api_url, headgate.token)
    workbooks = sorted(path for path in source.rglob("*.xlsx") if zipfile.is_zipfile(path))
    for number, workbook in enumerate(itertools.cycle(workbooks)):
        part = headgate.folder / "part.xlsx"
        shutil.copy(workbook, part)
        with zipfile.ZipFile(part, "a") as archive:
            archive.comment = f"copy {number}".encode()
        checked = api.submit(part.read_bytes(), f"dataset={workbook.parent.name}&check=true")
        assert checked.status == 201, checked.body
        part.rename(headgate.inbox / workbook.parent.name / f"{number}-{workbook.name}")
        if stop.wait(PAUSE_SECONDS):
            return


@pytest.fixture(scope="module", params=SCRAPES)
def watched(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    postgres: Postgres,
    headgate_binary: Path,
    prometheus_binary: Path,
    free_port: Callable[[], int],
) -> Iterator[Watched]:
    """The demo's daemon, on PostgreSQL whose server's connections are a metric, at work until Prometheus has enough."""
    folder = tmp_path_factory.mktemp("demo") / "examples"
    shutil.copytree(ROOT / "examples", folder, ignore=shutil.ignore_patterns("var", "__pycache__"))
    postgres.execute("CREATE DATABASE dashboards")
    settings = yaml.safe_load((folder / "headgate.yml").read_text(encoding="utf-8"))
    settings["database"] = {"url": postgres.url("dashboards")}
    settings["api"]["port"], settings["exporter"]["port"] = free_port(), free_port()
    headgate = Headgate(
        binary=headgate_binary, folder=folder, database_url=settings["database"]["url"], settings=settings
    )
    shop = folder / "shop"
    shutil.copytree(ROOT / "examples" / "inbox", shop)
    settings["intake"]["sources"] = [{"name": "shop", "url": shop.as_uri(), "poll_seconds": 1}]
    settings["spool"] = {"url": (folder / "shared").as_uri()}
    headgate.write_config()
    process, stop = headgate.start_ready(), threading.Event()
    work = threading.Thread(target=at_work, args=(headgate, ROOT / "examples" / "inbox", stop))
    work.start()
    target = headgate.exporter_url.removeprefix("http://")
    try:
        with running_prometheus(
            prometheus_binary, folder, target=target, port=free_port(), interval=request.param
        ) as server:
            headgate.until(lambda: len(headgate.jobs()) >= JOBS, "the daemon is at work", process=process, seconds=120)
            time.sleep(WINDOW_SECONDS / 2)
            yield Watched(prometheus=server, values=resolved(server))
    finally:
        stop.set()
        work.join(30)
        headgate.stop(process)
        postgres.execute("DROP DATABASE dashboards WITH (FORCE)")


def resolved(server: Prometheus) -> dict[str, list[str]]:
    """What Grafana offers in each variable: the values that its question finds."""
    values: dict[str, list[str]] = {}
    for path in FILES:
        for variable in load(path)["templating"]["list"]:
            if variable["type"] == "query":
                ((metric, label),) = re.findall(r"\Alabel_values\((.+), (\w+)\)\Z", variable["query"]["query"])
                values[label] = server.ask(f"label/{label}/values", **{"match[]": filled(metric)})
    return values


def has_numbers(series: list[dict[str, Any]]) -> bool:
    return any(math.isfinite(float(value)) for one in series for _, value in one["values"])


def test_every_variable_resolves(watched: Watched) -> None:
    assert watched.values["job"] == ["headgate"]
    assert len(watched.values["instance"]) == 1
    assert {"orders", "settlements", "stock", "prices"} <= set(watched.values["dataset"])


@pytest.mark.parametrize("shown", RANGES)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_query_parses_and_returns_data(watched: Watched, path: Path, shown: str) -> None:
    empty, failed = set(), []
    for target in targets():
        if target.dashboard != path.stem:
            continue
        try:
            series = watched.result(target, RANGES[shown])
        except PrometheusError as error:
            failed.append(f"{target.place}: {error}")
            continue
        if not has_numbers(series):
            empty.add(target.panel["title"])
            failed += [f"{target.place}: nobody exports {name}" for name in watched.missing(target)]
        numbers = [float(value) for one in series for _, value in one["values"]]
        if not all(math.isfinite(number) for number in numbers):
            failed.append(f"{target.place}: not a number")
        counted = " offset " in target.raw and "/" not in target.raw
        if counted and not all(number.is_integer() for number in numbers):
            failed.append(f"{target.place}: a count that is not whole")
        legend = next(one["legendFormat"] for one in target.panel["targets"] if one["refId"] == target.reference)
        named = set(re.findall(r"{{(\w+)}}", legend))
        failed += [f"{target.place}: no label for {legend}" for one in series if not named <= set(one["metric"])]
    assert not failed
    assert empty <= set(EMPTY), {title for title in empty if title not in EMPTY}


def test_what_may_be_empty_exists() -> None:
    assert set(EMPTY) <= {target.panel["title"] for target in targets()}
