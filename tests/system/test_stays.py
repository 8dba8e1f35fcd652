"""What nearly ended the daemon, or let it hang: signals at its start, connections without end, a spool that is gone."""

from __future__ import annotations

import http.client
import resource
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from certificates import Authority

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Headgate

pytestmark = pytest.mark.fault

SIDECAR = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"

APPLICATION = """\
import time

def rest(seconds):
    time.sleep(seconds)
    return seconds
"""


def test_a_hangup_while_it_starts_does_not_end_the_daemon(sqlite_headgate: Headgate) -> None:
    """systemd took that for a clean exit."""
    headgate = sqlite_headgate
    process = headgate.start()
    headgate.until(lambda: _catches_hangups(process.pid), "our code runs", process=process)
    deadline = time.monotonic() + 60
    while not headgate.ready():
        assert process.poll() is None, headgate.tail()
        assert time.monotonic() < deadline, headgate.tail()
        process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
    headgate.until(lambda: "configuration" in headgate.log.read_text(), "it was reloaded", process=process)
    assert headgate.stop(process) == 0


def _catches_hangups(pid: int) -> bool:
    """Say whether a process has a handler of its own; before that it is the interpreter that starts."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    caught = next(line.split()[1] for line in lines if line.startswith("SigCgt:"))
    return bool(int(caught, 16) & 1 << (signal.SIGHUP - 1))


def test_a_spool_that_is_gone_ends_readiness(sqlite_headgate: Headgate) -> None:
    headgate = sqlite_headgate
    headgate.settings["ledger"] |= {"beat_seconds": 0.5}
    headgate.write_config()
    process = headgate.start_ready()
    shutil.move(headgate.folder / "var" / "spool", headgate.folder / "elsewhere")
    headgate.until(lambda: "spool" in headgate.why_not_ready(), "readiness says so", process=process)
    shutil.move(headgate.folder / "elsewhere", headgate.folder / "var" / "spool")
    headgate.until(headgate.ready, "it is ready again", process=process)
    assert headgate.stop(process) == 0


def test_the_application_stays_in_service_while_the_ledger_cannot_be_written(sqlite_headgate: Headgate) -> None:
    """The kubelet asks what the sidecar's manifest says: a pod is out of service when one of its containers is."""
    text = (SIDECAR / "sidecar.yaml").read_text(encoding="utf-8")
    (pod,) = [one["spec"]["template"]["spec"] for one in yaml.safe_load_all(text) if one["kind"] == "StatefulSet"]
    (container,) = [one for one in pod["initContainers"] if one["name"] == "headgate"]
    headgate = sqlite_headgate
    headgate.settings["ledger"] |= {"beat_seconds": 0.5}
    headgate.write_config()
    process = headgate.start_ready()
    headgate.execute("ALTER TABLE headgate_job RENAME TO headgate_elsewhere")
    headgate.until(lambda: not headgate.ready(), "it is not ready", process=process)
    for probe in ("readinessProbe", "livenessProbe"):
        path = container[probe]["httpGet"]["path"]
        assert headgate.get(f"{headgate.exporter_url}{path}")[0] == 200, probe
    headgate.execute("ALTER TABLE headgate_elsewhere RENAME TO headgate_job")
    headgate.until(headgate.ready, "it is ready again", process=process)
    assert headgate.stop(process) == 0


def _call(headgate: Headgate, seconds: float, answers: list[int]) -> None:
    request = urllib.request.Request(  # noqa: S310  # loopback only
        f"{headgate.api_url}/tasks/rest",
        data=f"[{seconds}]".encode(),
        headers={"Authorization": f"Bearer {headgate.token}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # loopback only
            answers.append(answer.status)
    except (OSError, http.client.HTTPException):
        answers.append(0)


@pytest.fixture
def resting(sqlite_headgate: Headgate, monkeypatch: pytest.MonkeyPatch) -> Headgate:
    """A daemon with a registered task that rests."""
    headgate = sqlite_headgate
    (headgate.folder / "application").mkdir()
    (headgate.folder / "application" / "resting.py").write_text(APPLICATION)
    monkeypatch.setenv("PYTHONPATH", str(headgate.folder / "application"))
    headgate.settings["tasks"] = {"rest": "resting:rest"}
    headgate.settings["shutdown"] = {"drain_seconds": 40}
    headgate.write_config()
    return headgate


def until_it_rests(headgate: Headgate, process: subprocess.Popen[bytes]) -> None:
    busy = {"pool": "cpu", "state": "busy"}
    headgate.until(lambda: headgate.metric("headgate_executor_workers", **busy) == 1, "it rests", process=process)


def test_a_task_that_runs_has_the_time_of_the_drain(resting: Headgate) -> None:
    process = resting.start_ready()
    answers: list[int] = []
    calling = threading.Thread(target=_call, args=(resting, 15, answers))
    calling.start()
    until_it_rests(resting, process)
    assert resting.stop(process, timeout=60) == 0
    calling.join(10)
    assert answers == [200]


def test_a_second_stop_ends_it_at_once(resting: Headgate) -> None:
    process = resting.start_ready()
    answers: list[int] = []
    calling = threading.Thread(target=_call, args=(resting, 35, answers))
    calling.start()
    until_it_rests(resting, process)
    process.send_signal(signal.SIGTERM)
    time.sleep(1)
    assert process.poll() is None
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    assert time.monotonic() - started < 25
    calling.join(10)
    assert answers != [200]
    resting.assert_nothing_left(process)


@pytest.mark.alone  # beside other daemons its connections take so long that the first of them are cut before the last
def test_a_thousand_unfinished_requests_end_nothing(
    sqlite_headgate: Headgate, orders: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The descriptors ran out, there were 2,578 tracebacks, and then the daemon ended."""
    headgate = sqlite_headgate
    headgate.settings["ledger"] |= {"beat_seconds": 0.5}
    # The test itself rests in the middle of each body, for as long as its 2,000 connections take.
    headgate.settings["api"] |= {"body_idle_seconds": 600}
    headgate.write_config()
    monkeypatch.setattr(headgate, "prefix", ["prlimit", "--nofile=256:256"])
    process = headgate.start_ready()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    book = orders(headgate.folder / "orders-uploaded.xlsx", 20_000, start=1000).read_bytes()
    head = (
        f"POST /api/v1/jobs?name=orders-uploaded.xlsx HTTP/1.1\r\nHost: localhost\r\n"
        f"Authorization: Bearer {headgate.token}\r\nContent-Length: {len(book)}\r\n\r\n"
    )
    half = len(book) // 2
    with ExitStack() as held:
        held.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        admitted = [_connected(headgate.settings["api"]["port"], held) for _ in range(10)]
        for one in admitted:
            one.sendall(head.encode() + book[:half])
        for port in (headgate.settings["exporter"]["port"], headgate.settings["api"]["port"]):
            for _ in range(1000):
                _connected(port, held).sendall(b"GET /-/ready HTTP/1.1\r\n")
        orders(headgate.inbox / "orders-first.xlsx", 50)
        headgate.until(lambda: headgate.loaded_jobs() >= 1, "a file is loaded meanwhile", process=process)
        for one in admitted:
            one.sendall(book[half:])
        assert [one.recv(12) for one in admitted] == [b"HTTP/1.1 201"] * len(admitted)
    headgate.until(headgate.ready, "it answers", process=process)
    headgate.until(lambda: headgate.all_finished(11), "what was handed in is loaded", process=process)
    assert headgate.scalar("SELECT count(*) FROM orders") == str(20_000 + 50)
    told = headgate.log.read_text()
    assert "Traceback" not in told
    assert told.count("connections refused") == 2
    assert len(told.splitlines()) < 60
    assert headgate.stop(process) == 0


def _connected(port: int, held: ExitStack) -> socket.socket:
    return held.enter_context(socket.create_connection(("127.0.0.1", port), timeout=30))


def _shown(port: int, authority: Authority) -> bytes:
    context = ssl.create_default_context(cafile=str(authority.own.certificate))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        return secure.getpeercert(binary_form=True) or b""


def test_the_certificate_of_the_api_follows_its_file(
    sqlite_headgate: Headgate,
    require_openssl: None,  # noqa: ARG001
) -> None:
    headgate = sqlite_headgate
    authority = Authority(headgate.folder)
    first = authority.issue("localhost", "DNS:localhost")
    headgate.settings["api"] |= {"tls_certificate_file": first.certificate.name, "tls_key_file": first.key.name}
    headgate.write_config()
    process = headgate.start_ready()
    port = headgate.settings["api"]["port"]
    before = _shown(port, authority)
    authority.issue("localhost", "DNS:localhost", days=20)
    headgate.until(lambda: _shown(port, authority) != before, "the new one is shown", process=process)
    _, text = headgate.get(f"{headgate.exporter_url}/metrics")
    ends_at = float(text.partition('certificate_not_after_timestamp_seconds{server="api"} ')[2].split("\n")[0])
    assert ends_at > time.time() + 15 * 86400
    first.certificate.write_text("no certificate")
    headgate.until(lambda: "certificates not taken" in headgate.log.read_text(), "it says so", process=process)
    assert _shown(port, authority) != before
    assert headgate.stop(process) == 0


def test_a_reader_of_the_log_that_hangs_holds_nothing_up(sqlite_headgate: Headgate) -> None:
    headgate = sqlite_headgate
    process = subprocess.Popen(
        [headgate.binary, "run", "-c", headgate.config],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=headgate.environ(),
    )
    headgate.processes.append(process)
    headgate.until(headgate.ready, "the daemon is ready", process=process)
    for _ in range(800):  # each is told of in a line, and nobody reads
        assert headgate.get(f"{headgate.api_url}/nowhere{'x' * 200}", headgate.token)[0] == 404
        request = urllib.request.Request(f"{headgate.api_url}/jobs", data=b"", method="POST")  # noqa: S310  # loopback
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(request, timeout=10)  # noqa: S310  # loopback only
    assert headgate.ready()
    process.send_signal(signal.SIGTERM)
    assert process.wait(40) == 0
    assert process.stderr is not None
    process.stderr.close()
