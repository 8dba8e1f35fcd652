"""SIGHUP and POST /-/reload on the real daemon: what changes live, what waits, and what is refused."""

from __future__ import annotations

import json
import signal
import time
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from gates import WAIT_AT_GATE

from .conftest import NO_OVERRIDE

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable

    from gates import Gate

    from .conftest import Headgate

MANY = 12
"""More files than one daemon claims for one worker."""
STOCK_SPEC = """\
dataset: stock
match: {glob: "stock*"}
fields: [{name: order_no, type: string, header: [订单号]}]
load: {table: stock}
"""
APPLICATION = """\
import time
def add(first, second):
    return first + second
def sleep(seconds):
    time.sleep(seconds)
    return seconds
"""


def _post(headgate: Headgate, url: str, body: Any = None) -> tuple[int, dict[str, Any]]:
    data = b"" if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, method="POST")  # noqa: S310  # loopback only
    request.add_header("Authorization", f"Bearer {headgate.token}")
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310  # loopback only
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def _reload(headgate: Headgate) -> tuple[int, dict[str, Any]]:
    headgate.write_config()
    return _post(headgate, f"http://127.0.0.1:{headgate.settings['api']['port']}/-/reload")


def _metric(headgate: Headgate, name: str) -> float:
    _, text = headgate.get(f"{headgate.exporter_url}/metrics")
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


def _stop(headgate: Headgate, process: subprocess.Popen[bytes]) -> None:
    assert headgate.stop(process) == 0


def test_what_can_change_live_does_and_the_rest_is_named(
    sqlite_headgate: Headgate, monkeypatch: pytest.MonkeyPatch
) -> None:
    headgate = sqlite_headgate
    (headgate.folder / "shop.py").write_text(APPLICATION)
    monkeypatch.setenv("PYTHONPATH", str(headgate.folder))
    headgate.settings["executors"] = {"cpu_workers": 1}
    headgate.write_config()
    process = headgate.start_ready()
    taken_at = _metric(headgate, "headgate_config_last_reload_success_timestamp_seconds")
    assert _post(headgate, f"{headgate.api_url}/tasks/add", [1, 2])[0] == 404
    assert _reload(headgate) == (200, {"changed": [], "needs_restart": [], "warnings": []})

    headgate.settings["executors"] = {"cpu_workers": 3, "queue_limit": 7}
    headgate.settings["resources"] = {"cpu_threshold": 55}
    headgate.settings["logging"] = {"level": "debug"}
    headgate.settings["ledger"]["max_attempts"] = 9
    headgate.settings["tasks"] = {"add": "shop:add"}
    headgate.settings["state_dir"] = "elsewhere"
    headgate.settings["database"]["pool_size"] = 3
    (headgate.folder / "datasets" / "stock.yml").write_text(STOCK_SPEC, encoding="utf-8")
    status, answer = _reload(headgate)
    assert status == 200
    assert set(answer["changed"]) == {
        "executors.cpu_workers",
        "executors.queue_limit",
        "resources.cpu_threshold",
        "logging.level",
        "ledger.max_attempts",
        "tasks",
        "dataset stock",
    }
    assert "state_dir" in answer["needs_restart"]
    assert "database.pool_size" in answer["needs_restart"]
    assert _metric(headgate, 'headgate_executor_workers_max{pool="cpu"}') == 3
    assert _metric(headgate, 'headgate_executor_queue_limit{pool="cpu"}') == 7
    assert _metric(headgate, 'headgate_threshold_ratio{resource="cpu"}') == 0.55
    assert _metric(headgate, 'headgate_ingest_jobs_total{dataset="stock",outcome="loaded"}') == 0
    assert _metric(headgate, "headgate_config_last_reload_success_timestamp_seconds") > taken_at
    assert _post(headgate, f"{headgate.api_url}/tasks/add", [1, 2])[1]["result"] == 3
    # What waits for a restart is named again, and nothing is taken twice.
    again = _reload(headgate)[1]
    assert again["changed"] == []
    assert set(again["needs_restart"]) == set(answer["needs_restart"])
    headgate.settings["state_dir"] = "var"
    headgate.write_config()
    _stop(headgate, process)


def test_a_wrong_configuration_is_refused_as_a_whole(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    headgate = sqlite_headgate
    process = headgate.start_ready()
    headgate.settings["executors"] = {"cpu_workers": 2, "queue_limt": 7}
    status, answer = _reload(headgate)
    assert status == 422
    assert "queue_limt" in answer["problems"][0]
    assert "did you mean queue_limit?" in answer["problems"][0]
    assert _metric(headgate, "headgate_config_last_reload_successful") == 0
    del headgate.settings["executors"]
    spec = headgate.folder / "datasets" / "orders.yml"
    good = spec.read_text(encoding="utf-8")
    spec.write_text(good.replace("fields:", "feilds:"), encoding="utf-8")
    status, answer = _reload(headgate)
    assert status == 422
    assert "feilds" in str(answer["problems"])
    orders(headgate.inbox / "orders.xlsx", 10)
    headgate.until(lambda: headgate.all_finished(1), "the old dataset is in force", process=process)
    assert headgate.jobs()[0]["state"] == "loaded"
    spec.write_text(good, encoding="utf-8")
    assert _reload(headgate)[0] == 200
    assert _metric(headgate, "headgate_config_last_reload_successful") == 1
    _stop(headgate, process)


def test_a_hangup_reloads_and_disturbs_no_job(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    headgate = sqlite_headgate
    process = headgate.start_ready()
    orders(headgate.inbox / "orders.xlsx", 40_000)
    headgate.until(lambda: any(job["state"] == "running" for job in headgate.jobs()), "the job runs")

    def resized(workers: int) -> bool:
        return _metric(headgate, 'headgate_executor_workers_max{pool="cpu"}') == workers

    for workers in (2, 1, 3):
        headgate.settings["executors"] = {"cpu_workers": workers}
        headgate.write_config()
        process.send_signal(signal.SIGHUP)
        headgate.until(partial(resized, workers), "the pool has its new size", process=process)
    headgate.until(lambda: headgate.all_finished(1), "the job has ended", process=process)
    assert (headgate.jobs()[0]["state"], headgate.jobs()[0]["attempt"]) == ("loaded", 1)
    headgate.config.write_text("executors: [", encoding="utf-8")
    process.send_signal(signal.SIGHUP)
    headgate.until(lambda: "configuration refused" in headgate.tail(), "the log says so", process=process)
    assert _metric(headgate, "headgate_config_last_reload_successful") == 0
    _stop(headgate, process)


def test_a_hundred_reloads_leave_nothing_behind(sqlite_headgate: Headgate) -> None:
    headgate = sqlite_headgate
    process = headgate.start_ready()
    _reload(headgate)
    watched = psutil.Process(process.pid)
    before = (watched.num_fds(), watched.num_threads())
    for number in range(100):
        headgate.settings["executors"] = {"cpu_workers": 1 + number % 3, "io_workers": 2 + number % 5}
        assert _reload(headgate)[0] == 200
    headgate.settings["executors"] = {}
    assert _reload(headgate)[0] == 200
    deadline = time.monotonic() + 20
    while (found := (watched.num_fds(), watched.num_threads())) > before and time.monotonic() < deadline:
        time.sleep(0.2)
    assert found[0] <= before[0] + 3
    assert found[1] <= before[1] + 10
    _stop(headgate, process)


def test_the_log_says_at_start_where_everything_is_and_at_a_reload_that_tokens_changed(
    sqlite_headgate: Headgate,
) -> None:
    headgate = sqlite_headgate
    process = headgate.start_ready()
    headgate.tells("headgate ready")
    (line,) = [one for one in headgate.log.read_text(encoding="utf-8").splitlines() if "headgate ready" in one]
    for word in (
        f"exporter={headgate.exporter_url.removeprefix('http://')}",
        f"folders={headgate.inbox}",
        "datasets=orders",
        "version=",
        "cpu_workers=",
        "connections=",
    ):
        assert word in line, line
    (token_file,) = [Path(one.partition("=")[2]) for one in line.split() if one.startswith("token_file=")]
    assert token_file.is_file()
    process.send_signal(signal.SIGHUP)
    headgate.until(
        lambda: "configuration taken" in headgate.log.read_text(encoding="utf-8"), "a reload", process=process
    )
    assert "api tokens taken" not in headgate.log.read_text(encoding="utf-8"), "they are as before"
    with token_file.open("a", encoding="utf-8") as file:
        file.write(f"anna submit {'t' * 32}\n")
    process.send_signal(signal.SIGHUP)
    headgate.until(
        lambda: "api tokens taken" in headgate.log.read_text(encoding="utf-8"), "it says so", process=process
    )
    assert headgate.stop(process) == 0


@pytest.mark.parametrize("setting", ["folder", "token_file", "half_a_character"])
def test_a_configuration_that_cannot_even_be_looked_at_ends_nothing(sqlite_headgate: Headgate, setting: str) -> None:
    headgate = sqlite_headgate
    headgate.prefix = NO_OVERRIDE
    process = headgate.start_ready()
    private = headgate.folder / "private"
    (private / "inbox").mkdir(parents=True)
    private.chmod(0)
    spec = headgate.folder / "datasets" / "odd.yml"
    if setting == "folder":
        headgate.settings["intake"]["folders"] = [str(private / "inbox")]
        told = f"intake.folders[0].path: {private}/inbox cannot be looked at (Permission denied); let this user enter"
    elif setting == "token_file":
        headgate.settings["api"]["token_file"] = str(private / "token")
        told = f"api.token_file: {private}/token cannot be looked at (Permission denied); let this user enter"
    else:
        spec.write_text(STOCK_SPEC.replace("dataset: stock", r'dataset: "\ud800"'), encoding="utf-8")
        told = "odd.yml:1: U+D800 is half of a character; write the whole character"
    try:
        status, answer = _reload(headgate)
        assert status == 422, answer
        assert told in answer["problems"][0]
        process.send_signal(signal.SIGHUP)
        headgate.until(lambda: headgate.tail().count("configuration refused") == 2, "it says so", process=process)
        assert _metric(headgate, "headgate_config_last_reload_successful") == 0
        check = headgate.command("check", "-c", headgate.config, as_prefixed=True)
        assert (check.returncode, told in check.stderr) == (2, True), check.stderr
        assert headgate.ready()
    finally:
        private.chmod(0o700)
    _stop(headgate, process)


def test_a_dataset_and_its_folder_change_their_names_together_or_not_at_all(
    sqlite_headgate: Headgate, orders: Callable[..., Path]
) -> None:
    headgate = sqlite_headgate
    folder = {"path": str(headgate.inbox), "dataset": "orders", "taken": "move"}
    headgate.settings["intake"]["folders"] = [folder]
    headgate.write_config()
    process = headgate.start_ready()
    spec = headgate.folder / "datasets" / "orders.yml"
    good = spec.read_text(encoding="utf-8")
    spec.write_text(good.replace("dataset: orders", "dataset: sales"), encoding="utf-8")
    folder["dataset"] = "sales"
    status, answer = _reload(headgate)
    assert status == 422, answer
    (problem,) = answer["problems"]
    assert problem.startswith(f"intake.folders: watched folder {headgate.inbox} goes on until a restart, and there ")
    assert "no dataset orders for its files; restart the daemon to take both over at once" in problem
    orders(headgate.inbox / "orders.xlsx", 5)
    headgate.until(lambda: headgate.all_finished(1), "the old dataset takes it", process=process)
    assert [(job["dataset"], job["state"]) for job in headgate.jobs()] == [("orders", "loaded")]
    _stop(headgate, process)
    process = headgate.start_ready()
    orders(headgate.inbox / "orders-later.xlsx", 5, start=100)
    headgate.until(lambda: headgate.all_finished(2), "the new one does", process=process)
    assert {(job["dataset"], job["state"]) for job in headgate.jobs()} == {("orders", "loaded"), ("sales", "loaded")}
    _stop(headgate, process)


def _submit(headgate: Headgate, name: str, dataset: str, text: str) -> None:
    url = f"{headgate.api_url}/jobs?name={name}&dataset={dataset}"
    request = urllib.request.Request(url, data=text.encode(), method="POST")  # noqa: S310  # loopback only
    request.add_header("Authorization", f"Bearer {headgate.token}")
    with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310  # loopback only
        assert response.status == 201


def test_jobs_of_a_dataset_that_goes_are_told_of(sqlite_headgate: Headgate, gate: Gate) -> None:
    headgate = sqlite_headgate
    headgate.settings["executors"] = {"cpu_workers": 1}
    stock = headgate.folder / "datasets" / "stock.yml"
    stock.write_text(STOCK_SPEC + WAIT_AT_GATE, encoding="utf-8")
    headgate.write_config()
    process = headgate.start_ready()
    for number in range(6):
        _submit(headgate, f"stock-{number}.csv", "stock", f"订单号\n{number}\n")
    headgate.until(gate.is_reached, "a worker waits at the gate", process=process)
    text = stock.read_text(encoding="utf-8")
    stock.unlink()
    status, answer = _reload(headgate)
    assert (status, answer["changed"]) == (200, ["dataset stock"])
    (warning,) = answer["warnings"]
    waiting = sum(job["state"] == "queued" for job in headgate.jobs())
    assert waiting
    assert warning.startswith(f"dataset stock is gone, queued jobs wait for it: {waiting}; put it back"), warning
    assert f"warning={warning.partition(';')[0]}" in headgate.log.read_text(encoding="utf-8")
    gate.open()
    stock.write_text(text, encoding="utf-8")
    assert _reload(headgate)[1]["warnings"] == []
    headgate.until(lambda: headgate.all_finished(6), "they are loaded", process=process)
    _stop(headgate, process)


def test_a_content_that_waits_under_one_version_and_under_the_next_is_loaded_once(
    headgate: Headgate, gate: Gate
) -> None:
    headgate.settings["executors"] = {"cpu_workers": 1}
    stock = headgate.folder / "datasets" / "stock.yml"
    stock.write_text(STOCK_SPEC + WAIT_AT_GATE, encoding="utf-8")
    headgate.write_config()
    process = headgate.start_ready()
    for number in range(MANY):
        _submit(headgate, f"stock-{number}.csv", "stock", f"订单号\n{number}\n")
    headgate.until(gate.is_reached, "a worker waits at the gate", process=process)
    last = next(job for job in headgate.jobs() if job["file"] == f"stock-{MANY - 1}.csv")
    assert last["state"] == "queued"
    stock.write_text(f"version: 2\n{STOCK_SPEC}{WAIT_AT_GATE}", encoding="utf-8")
    assert _reload(headgate)[1]["changed"] == ["dataset stock"]
    _submit(headgate, "again.csv", "stock", f"订单号\n{MANY - 1}\n")
    again = next(job for job in headgate.jobs() if job["file"] == "again.csv")
    assert again["state"] == "queued"
    gate.open()
    headgate.until(lambda: headgate.all_finished(MANY + 1), "they are loaded", process=process)
    ends = {job["id"]: (job["state"], job["spec_version"], job["first_job"]) for job in headgate.jobs()}
    assert ends[last["id"]] == ("duplicate", 1, again["id"])
    assert ends[again["id"]] == ("loaded", 2, None)
    assert headgate.rows("SELECT order_no FROM stock GROUP BY 1 HAVING count(*) > 1") == []
    _submit(headgate, "once-more.csv", "stock", f"订单号\n{MANY - 1}\n")
    headgate.until(lambda: headgate.all_finished(MANY + 2), "it is a duplicate", process=process)
    assert [job["first_job"] for job in headgate.jobs() if job["file"] == "once-more.csv"] == [again["id"]]
    _stop(headgate, process)


def test_a_stream_of_events_ends_when_its_token_is_removed(sqlite_headgate: Headgate) -> None:
    headgate = sqlite_headgate
    process = headgate.start_ready()
    token_file = headgate.folder / "var" / "api.token"
    admin, bob = f"root admin {headgate.token}\n", "b" * 32
    token_file.write_text(f"{admin}bob read {bob}\n", encoding="utf-8")
    assert _reload(headgate)[0] == 200
    request = urllib.request.Request(f"{headgate.api_url}/events")  # noqa: S310  # loopback only
    request.add_header("Authorization", f"Bearer {bob}")
    with urllib.request.urlopen(request, timeout=30) as stream:  # noqa: S310  # loopback only
        assert stream.readline().startswith(b"retry:")
        token_file.write_text(admin, encoding="utf-8")
        assert _reload(headgate)[0] == 200
        _submit(headgate, "orders.csv", "orders", "text")
        rest = stream.read().decode()
    assert "event: job" not in rest
    _stop(headgate, process)
