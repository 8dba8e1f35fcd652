"""The exporter answers from its own thread, whatever the main loop does."""

from __future__ import annotations

import asyncio
import gzip
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

import pytest
from connections import burst, left_open
from prometheus_client import CollectorRegistry, Gauge

from daemon.errors import StartupError
from daemon.exporter import server
from daemon.exporter.server import Exporter
from daemon.lifecycle.loop_watch import LoopWatch
from daemon.metrics.collectors import Collectors
from daemon.metrics.definitions import define, gauge

if TYPE_CHECKING:
    from collections.abc import Callable

    from daemon.metrics.definitions import Measured


def get(port: int, path: str, **headers: str) -> tuple[int, str, bytes]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)  # loopback only
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310  # loopback only
            return response.status, response.headers["Content-Type"], response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers["Content-Type"], error.read()


def exporter(registry: CollectorRegistry, healthy: Callable[[], str | None] = lambda: None) -> Exporter:
    return Exporter(registry, host="127.0.0.1", port=0, healthy=healthy, ready=lambda: "starting")


async def test_metrics_in_both_formats_and_compressed() -> None:
    registry = CollectorRegistry()
    Gauge("headgate_test", "A test.", registry=registry).set(5)
    async with exporter(registry) as serving:
        status, kind, body = await asyncio.to_thread(get, serving.port, "/metrics")
        assert (status, kind.split(";")[0]) == (200, "text/plain")
        assert b"\nheadgate_test 5.0\n" in body
        _, kind, body = await asyncio.to_thread(
            get, serving.port, "/metrics", Accept="application/openmetrics-text; version=1.0.0"
        )
        assert kind.startswith("application/openmetrics-text")
        assert body.endswith(b"# EOF\n")
        request = {"Accept-Encoding": "gzip"}
        _, _, body = await asyncio.to_thread(get, serving.port, "/metrics", **request)
        assert b"headgate_test 5.0" in gzip.decompress(body)


async def test_the_front_page_leads_everywhere_and_the_documents_are_there() -> None:
    async with exporter(CollectorRegistry()) as serving:
        status, kind, body = await asyncio.to_thread(get, serving.port, "/")
        assert (status, kind) == (200, "text/html; charset=utf-8")
        assert (await asyncio.to_thread(get, serving.port, "/docs/"))[2] == body
        links = re.findall(r'href="([^"]+)"', body.decode())
        assert {"/metrics", "/-/healthy", "/-/ready", "/docs/runbooks.md", "/docs/errors.md"} <= set(links)
        for link in links:
            status, _, _ = await asyncio.to_thread(get, serving.port, link)
            assert status in {200, 503}, link
        _, _, runbooks = await asyncio.to_thread(get, serving.port, "/docs/runbooks.md")
        for anchor in (b'id="headgatedown"', b'id="HeadgateDown"'):
            assert anchor in runbooks
        _, _, errors = await asyncio.to_thread(get, serving.port, "/docs/errors.md")
        assert b'id="cell.type"' in errors


@pytest.mark.parametrize(
    ("query", "wanted", "language"),
    [
        ("", "zh-Hans-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("", "de, en;q=0.5", "en"),
        ("?language=en", "zh", "en"),
        ("?language=zh-CN", "en", "zh-CN"),
        ("?language=none", "zh", "zh-CN"),
    ],
)
async def test_a_document_is_in_the_language_that_is_chosen_or_asked_for(
    query: str, wanted: str, language: str
) -> None:
    async with exporter(CollectorRegistry()) as serving:
        ask = {"Accept-Language": wanted}
        _, _, body = await asyncio.to_thread(get, serving.port, f"/docs/runbooks.md{query}", **ask)
    shown = body.decode()
    assert f'<html lang="{language}">' in shown
    assert ("\n处置手册\n" in re.sub(r"<[^>]+>|# ", "", shown)) == (language == "zh-CN")
    assert 'id="headgatedown"' in shown


async def test_links_of_documents_keep_to_their_language() -> None:
    async with exporter(CollectorRegistry()) as serving:
        _, _, body = await asyncio.to_thread(get, serving.port, "/docs/runbooks.md?language=zh-CN")
        links = dict(re.findall(r'<a href="([^"]+)">([^<]+)</a>', body.decode()))
        assert links["#headgatecpuhigh"] == "HeadgateCpuHigh"
        assert links["/docs/errors.md?language=zh-CN"] == "错误代码"
        assert links["/docs/runbooks.md?language=en"] == "English"
        for path in links:
            status, _, _ = await asyncio.to_thread(
                get, serving.port, path if path[0] == "/" else f"/docs/runbooks.md{path}"
            )
            assert status == 200, path


async def test_health_and_readiness_give_their_reasons() -> None:
    async with exporter(CollectorRegistry()) as serving:
        assert await asyncio.to_thread(get, serving.port, "/-/healthy") == (200, "text/plain; charset=utf-8", b"ok\n")
        status, _, body = await asyncio.to_thread(get, serving.port, "/-/ready")
        assert (status, body) == (503, b"starting\n")
        assert (await asyncio.to_thread(get, serving.port, "/other"))[0] == 404


@pytest.mark.slow
async def test_a_blocked_main_loop_is_seen_while_it_is_blocked() -> None:
    watch = LoopWatch()

    def healthy() -> str | None:
        return "the main loop hangs" if watch.stats().silent_seconds > 0.8 else None

    answers: list[int] = []
    async with exporter(CollectorRegistry(), healthy) as serving, watch, asyncio.TaskGroup() as tasks:
        beating = tasks.create_task(watch.run())
        await asyncio.sleep(0.6)

        def ask() -> None:
            answers.append(get(serving.port, "/-/healthy")[0])
            time.sleep(1.5)
            answers.append(get(serving.port, "/-/healthy")[0])
            answers.append(get(serving.port, "/metrics")[0])

        asking = threading.Thread(target=ask)
        asking.start()
        asking.join()  # blocks the main loop for as long as the other thread asks
        await asyncio.sleep(0.6)
        beating.cancel()
    assert answers == [200, 503, 200]
    stats = watch.stats()
    assert stats.slow_callbacks_total >= 1
    assert stats.lag.sum > 1


async def test_a_collector_that_fails_costs_only_its_own_part() -> None:
    registry = CollectorRegistry()
    collectors = Collectors(registry)

    def broken() -> Measured:
        raise RuntimeError("no numbers")

    collectors.add("broken", {}, broken)
    collectors.add("fine", {}, dict)
    async with exporter(registry) as serving:
        status, _, body = await asyncio.to_thread(get, serving.port, "/metrics")
    assert status == 200
    assert b'headgate_scrape_collector_success{collector="broken"} 0.0' in body
    assert b'headgate_scrape_collector_success{collector="fine"} 1.0' in body
    assert b"process_cpu_seconds_total" in body


async def test_a_collector_that_hangs_is_left_behind_and_asked_again_when_it_has_ended() -> None:
    registry = CollectorRegistry()
    collectors, released, runs = Collectors(registry, deadline_seconds=0.3), threading.Event(), []

    def hanging() -> Measured:
        runs.append(1)
        released.wait(60)
        return {"test_alive": {(): 1.0}}

    collectors.add("hanging", define(gauge("test_alive", "A test.")), hanging)
    collectors.add("fine", define(gauge("test_fine", "A test.")), lambda: {"test_fine": {(): 1.0}})
    failed, fine = b'headgate_scrape_collector_success{collector="hanging"} 0.0', b"\nheadgate_test_fine 1.0"
    async with exporter(registry) as serving:
        for _ in range(3):
            status, _, body = await asyncio.to_thread(get, serving.port, "/metrics")
            assert status == 200
            assert failed in body
            assert fine in body
            assert b"headgate_test_alive" not in body
        assert len(runs) == 1, "what hangs is not started again and again"
        assert not failed_duration(body) < 0.3
        released.set()
        for _ in range(100):
            status, _, body = await asyncio.to_thread(get, serving.port, "/metrics")
            if failed not in body:
                break
        assert b"\nheadgate_test_alive 1.0" in body
    assert len(runs) == 2


def failed_duration(body: bytes) -> float:
    [line] = [
        line
        for line in body.decode().splitlines()
        if line.startswith('headgate_scrape_collector_duration_seconds{collector="hanging"}')
    ]
    return float(line.rpartition(" ")[2])


async def test_a_number_that_a_collector_owes_is_an_error() -> None:
    registry = CollectorRegistry()
    collectors = Collectors(registry)
    collectors.add(
        "forgetful", define(gauge("test_one", "A test."), gauge("test_two", "A test.")), lambda: {"test_one": {}}
    )
    async with exporter(registry) as serving:
        _, _, body = await asyncio.to_thread(get, serving.port, "/metrics")
    assert b'headgate_scrape_collector_success{collector="forgetful"} 0.0' in body


async def test_many_who_ask_at_once_share_one_rendering() -> None:
    registry = CollectorRegistry()
    collectors, runs = Collectors(registry), []

    def slow() -> Measured:
        runs.append(1)
        time.sleep(0.5)
        return {}

    collectors.add("slow", {}, slow)
    runs.clear()
    async with exporter(registry) as serving:
        answers = await asyncio.gather(*(asyncio.to_thread(get, serving.port, "/metrics") for _ in range(4)))
    assert [status for status, _, _ in answers] == [200] * 4
    assert len(runs) < 4


async def test_a_port_in_use_is_an_error_that_names_it() -> None:
    async with exporter(CollectorRegistry()) as serving:
        second = Exporter(
            CollectorRegistry(), host="127.0.0.1", port=serving.port, healthy=lambda: None, ready=lambda: None
        )
        with pytest.raises(StartupError, match=rf"127\.0\.0\.1:{serving.port}.*exporter\.port"):
            await second.__aenter__()  # there is nothing to leave


@pytest.mark.parametrize(
    ("host", "reason"),
    [
        ("nowhere.invalid", r"(?!.*Unknown error)"),
        (f"{'a' * 64}.example.com", "no host can have that name"),
        ("192.0.2.1", "Cannot assign"),
    ],
)
async def test_a_host_that_cannot_be_listened_on_is_named(host: str, reason: str) -> None:
    """The second kept the daemon in its start for ever; all were told to stop what uses the port."""
    serving = Exporter(CollectorRegistry(), host=host, port=0, healthy=lambda: None, ready=lambda: None)
    with pytest.raises(StartupError, match=rf"{host}:0 cannot be listened on \({reason}.*; correct exporter\.host"):
        await asyncio.wait_for(serving.__aenter__(), 30)


def test_a_thread_that_has_no_loop_ends_the_start() -> None:
    """Nobody told the daemon, which waited for ever and took no signal."""
    code = (
        "import asyncio, resource\n"
        "from prometheus_client import CollectorRegistry\n"
        "from daemon.exporter.server import Exporter\n"
        "async def main():\n"
        "    fine = lambda: None\n"
        "    serving = Exporter(CollectorRegistry(), host='127.0.0.1', port=0, healthy=fine, ready=fine)\n"
        "    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))\n"
        "    await serving.__aenter__()\n"
        "asyncio.run(main())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "StartupError: exporter: it cannot be started ([Errno 24] Too many open files)" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("head_seconds", "left"), [(120, 20), (1.5, 0)], ids=["those beyond the limit at once", "all in the end"]
)
async def test_connections_without_a_request_are_few_and_are_cut(
    monkeypatch: pytest.MonkeyPatch, head_seconds: float, left: int
) -> None:
    """A thousand heads that never end took every descriptor, and then the daemon."""
    monkeypatch.setattr(server, "CONNECTIONS_MAX", 20)
    monkeypatch.setattr(server, "HEAD_SECONDS", head_seconds)
    async with exporter(CollectorRegistry()) as serving:
        connections = burst(serving.port, 200, head=b"GET /-/healthy HTTP/1.1\r\n")
        assert await left_open(connections, left) == left
        if not left:
            assert (await asyncio.to_thread(get, serving.port, "/-/healthy"))[0] == 200
        for connection in connections:
            connection.close()
