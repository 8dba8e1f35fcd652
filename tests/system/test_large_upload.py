"""A body of a gigabyte in little memory, and a disk that is low: both refused before anything is at risk."""

from __future__ import annotations

import http.client
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from api_caller import Api

if TYPE_CHECKING:
    from .conftest import Headgate

MEGABYTE = 1 << 20
GIGABYTE = 1 << 30
PIECE = bytes(MEGABYTE)


def pieces(total: int) -> Iterator[bytes]:
    for _ in range(total // len(PIECE)):
        yield PIECE


def upload(headgate: Headgate, body: Iterator[bytes], length: int, content_type: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", headgate.settings["api"]["port"], timeout=120)
    headers = {
        "Authorization": f"Bearer {headgate.token}",
        "Content-Type": content_type,
        "Content-Length": str(length),
    }
    connection.request("POST", "/api/v1/jobs?dataset=orders", body=body, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def form() -> tuple[list[bytes], list[bytes]]:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="big.xlsx"\r\n\r\n'
    return [head], [b"\r\n--b--\r\n"]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["raw", "form"])
def test_a_gigabyte_costs_less_than_twenty_megabytes(sqlite_headgate: Headgate, kind: str) -> None:
    headgate = sqlite_headgate
    if shutil.disk_usage(headgate.folder).free < 3 * GIGABYTE:
        pytest.skip("less than 3 GB are free")
    headgate.settings["intake"]["max_file_mb"] = 1100
    headgate.write_config()
    process = headgate.start_ready()
    api = Api(headgate.api_url, headgate.token)
    api.wait(api.submit(b"a first one, so that everything is imported").json["id"])
    daemon = psutil.Process(process.pid)
    before, peak, over = daemon.memory_info().rss, [0], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            peak[0] = max(peak[0], daemon.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        if kind == "raw":
            status, body = upload(headgate, pieces(GIGABYTE), GIGABYTE, "application/octet-stream")
        else:
            first, last = form()
            length = GIGABYTE + sum(map(len, first + last))
            whole = (piece for part in (first, pieces(GIGABYTE), last) for piece in part)
            status, body = upload(headgate, whole, length, "multipart/form-data; boundary=b")
    finally:
        over.set()
        watcher.join()
    assert status == 201, body
    assert peak[0] - before < 20 * MEGABYTE
    assert headgate.stop(process) == 0


def test_a_low_disk_stops_the_intake_and_not_the_daemon(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    headgate = sqlite_headgate
    free = shutil.disk_usage(headgate.folder).free
    headgate.settings["intake"] |= {"min_free_mb": 2 * free // MEGABYTE, "rescan_seconds": 0.5}
    headgate.write_config()
    process = headgate.start_ready()
    api = Api(headgate.api_url, headgate.token)
    book = orders(headgate.inbox / "orders-1.xlsx", 5)
    answer = api.submit(book.read_bytes())
    assert (answer.status, answer.json["title"]) == (507, "Insufficient Storage")
    headgate.until(lambda: "intake stopped" in headgate.log.read_text(), "the folder waits", process=process)
    assert api("/jobs").json["jobs"] == []
    assert list((headgate.folder / "var" / "spool").glob("*/jobs/*")) == []
    assert "headgate_spool_disk_free_bytes" in headgate.get(f"{headgate.exporter_url}/metrics")[1]
    assert headgate.stop(process) == 0
    headgate.settings["intake"]["min_free_mb"] = 1
    headgate.write_config()
    process = headgate.start_ready()
    headgate.until(lambda: headgate.all_finished(1), "the file is taken", process=process)
    assert headgate.stop(process) == 0


def test_workers_are_made_ready_while_a_body_comes(sqlite_headgate: Headgate) -> None:
    headgate = sqlite_headgate
    headgate.settings["executors"] = {"idle_seconds": 2}
    headgate.write_config()
    process = headgate.start_ready()
    daemon = psutil.Process(process.pid)
    headgate.until(lambda: not daemon.children(), "nothing has to be done", process=process)
    connection = http.client.HTTPConnection("127.0.0.1", headgate.settings["api"]["port"], timeout=120)
    connection.putrequest("POST", "/api/v1/jobs?dataset=orders")
    connection.putheader("Authorization", f"Bearer {headgate.token}")
    connection.putheader("Content-Length", str(MEGABYTE))
    connection.endheaders(PIECE[:1000])
    headgate.until(lambda: bool(daemon.children()), "there is a fork server", process=process)
    connection.close()
