"""What is answered before a body is sent or a route is found: raw bytes against a real daemon."""

from __future__ import annotations

import json
import socket
import urllib.request
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Headgate

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
OF_DATASET = "/api/v1/jobs?dataset=orders&name=orders.csv"


@pytest.fixture(scope="module")
def content() -> bytes:
    return "订单号,买家,数量,单价\n100000000000000001,a,1,9.99\n".encode()


@pytest.fixture
def gate(sqlite_headgate: Headgate) -> Iterator[Headgate]:
    sqlite_headgate.settings["intake"]["max_file_mb"] = 1
    sqlite_headgate.write_config()
    process = sqlite_headgate.start_ready()
    yield sqlite_headgate
    assert sqlite_headgate.stop(process) == 0


class Line:
    """One connection, spoken to in bytes."""

    def __init__(self, headgate: Headgate, *, token: str = "") -> None:
        self.connection = socket.create_connection(("127.0.0.1", headgate.settings["api"]["port"]), timeout=20)
        self.token = token or headgate.token

    def send(self, method: str, path: str, *headers: str, body: bytes = b"") -> None:
        lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {self.token}", *headers]
        self.connection.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def head(self) -> bytes:
        """Read up to the end of one head, not a byte further."""
        told = b""
        while not told.endswith(b"\r\n\r\n"):
            byte = self.connection.recv(1)
            assert byte, told
            told += byte
        return told

    def answer(self) -> tuple[int, bytes, bytes]:
        """Read one answer: its status, its head and its body."""
        head = self.head()
        size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        body = b""
        while len(body) < size:
            body += self.connection.recv(size - len(body))
        return int(head.split()[1]), head, body


@pytest.mark.parametrize(
    ("path", "size", "token", "status"),
    [
        (OF_DATASET, 1000, "not the token at all", 401),
        (OF_DATASET, 9 << 20, "", 413),
        ("/api/v1/jobs?dataset=none", 1000, "", 422),
        ("/api/v1/jobs?dataset=orders&fixes=77", 1000, "", 404),
        ("/api/v1/nothing", 1000, "", 404),
        ("/api/v1/events", 1000, "", 405),
        ("/api/v1/datasets", 1000, "", 415),
        ("/api/v1/tasks/none", 1000, "", 404),
        ("/login", 9 << 20, "", 415),
    ],
)
def test_a_body_that_would_be_refused_is_not_asked_for(
    gate: Headgate, path: str, size: int, token: str, status: int
) -> None:
    for kind in ("text/csv", "multipart/form-data; boundary=b"):
        line = Line(gate, token=token)
        line.send("POST", path, "Expect: 100-continue", f"Content-Length: {size}", f"Content-Type: {kind}")
        told, head, body = line.answer()
        assert (told, json.loads(body)["status"]) == (status, status)
        assert b"\r\nConnection: close\r\n" in head, "what comes next may be the body or a request"
        line.connection.close()


def test_a_body_that_is_taken_is_asked_for_once(gate: Headgate, content: bytes) -> None:
    line = Line(gate)
    line.send("POST", OF_DATASET, "Expect: 100-Continue", f"Content-Length: {len(content)}")
    assert line.head() == CONTINUE
    line.connection.sendall(content)
    status, head, body = line.answer()
    assert (status, json.loads(body)["file"]) == (201, "orders.csv")
    assert b"Connection: close" not in head
    line.send("POST", OF_DATASET, f"Content-Length: {len(content)}", body=content)
    assert line.answer()[0] == 201, "on the same connection, and nobody waits"
    line.connection.close()


DOTNET = b"filename=\"=?utf-8?B?6K6i5Y2VLnhsc3g=?=\"; filename*=utf-8''%E8%AE%A2%E5%8D%95.xlsx"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b'filename="' + "订单.xlsx".encode() + b'"', "订单.xlsx"),
        (b'filename="' + "订单.xlsx".encode("gbk") + b'"', "订单.xlsx"),
        (b'filename="' + "𠮷.xlsx".encode("gb18030") + b'"', "𠮷.xlsx"),
        (b'filename="a\xff\xff.xlsx"', "a\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}.xlsx"),
        (DOTNET, "订单.xlsx"),
    ],
)
def test_the_name_of_a_form_s_file_is_read_as_its_client_writes_it(gate: Headgate, name: bytes, shown: str) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="%b"%b\r\n\r\n%b\r\n'
    body = part % (b"dataset", b"", b"orders") + part % (b"file", b"; " + name, b"x") + b"--b--\r\n"
    line = Line(gate)
    line.send(
        "POST",
        "/api/v1/jobs",
        "Content-Type: multipart/form-data; boundary=b",
        f"Content-Length: {len(body)}",
        body=body,
    )
    status, _, told = line.answer()
    assert (status, json.loads(told)["file"]) == (201, shown)
    line.connection.close()


def test_a_repeated_key_is_refused(gate: Headgate, content: bytes) -> None:
    line = Line(gate)
    size = f"Content-Length: {len(content)}"
    line.send("POST", OF_DATASET, size, "Idempotency-Key: ours", "Idempotency-Key: the-proxys", body=content)
    status, _, told = line.answer()
    assert (status, json.loads(told)["detail"]) == (400, "Idempotency-Key is given twice")
    line.connection.close()


def test_the_head_of_a_file_is_all_that_head_sends(gate: Headgate) -> None:
    line = Line(gate)
    bad = "订单号,买家,数量,单价\n100000000000000001,a,many,9.99\n100000000000000002,b,1,9.99\n".encode()
    line.send("POST", OF_DATASET, f"Content-Length: {len(bad)}", body=bad)
    job = json.loads(line.answer()[2])["id"]
    gate.until(lambda: gate.all_finished(1), "the job has ended")
    for form in ("xlsx", "csv", "json"):
        line.send("HEAD", f"/api/v1/jobs/{job}/rejects?format={form}")
        assert line.head().startswith(b"HTTP/1.1 200 "), form
        line.send("GET", "/api/v1/tasks")
        assert line.answer()[0] == 200, "no body of the answer before is in the way"
    line.connection.close()


def test_head_is_answered_as_get_is(gate: Headgate) -> None:
    for path in ("/api/v1/jobs", "/api/v1/datasets", "/api/v1/tasks", "/api/v1/openapi.json", "/login"):
        line = Line(gate)
        line.send("GET", path)
        status, head, _ = line.answer()
        kind = next(one for one in head.split(b"\r\n") if one.startswith(b"Content-Type: "))
        line.send("HEAD", path)
        told = line.head()
        assert (status, int(told.split()[1])) == (200, 200), path
        assert kind in told
        line.send("GET", path)
        assert line.answer()[0] == 200, "no body of the answer before is in the way"
        line.connection.close()
    for path in ("/metrics", "/-/ready", "/-/healthy", "/"):
        asked = urllib.request.Request(f"{gate.exporter_url}{path}", method="HEAD")  # noqa: S310  # loopback only
        with urllib.request.urlopen(asked, timeout=10) as answer:  # noqa: S310  # loopback only
            assert (answer.status, answer.read()) == (200, b""), path
    line = Line(gate)
    line.send("HEAD", "/api/v1/events", "Connection: close")
    assert b"text/event-stream" in line.head()
    assert not line.connection.recv(1), "it ends with its head"
    line.connection.close()


@pytest.mark.parametrize(
    "request_line_and_headers",
    [
        ("/" + "a" * 9000,),
        ("/", f"Cookie: {'c' * 9000}"),
        ("/", *(f"X-{number}: a" for number in range(300))),
    ],
)
def test_a_head_that_is_too_long_is_told_so(gate: Headgate, request_line_and_headers: tuple[str, ...]) -> None:
    path, *headers = request_line_and_headers
    line = Line(gate)
    line.send("GET", path, *headers)
    status, head, body = line.answer()
    assert status == 431
    assert b"application/problem+json" in head
    assert "bytes" in json.loads(body)["detail"]
    assert gate.token.encode() not in body
    line.connection.close()


@pytest.mark.parametrize(
    ("method", "path", "status", "headers"),
    [
        ("GET", "/api/v1/nothing", 404, [f"Accept-Language: {'a-' * 4000}"] * 100),
        ("POST", "/login", 415, [f"Content-Type: a/b;{chr(34) * 8000}", "Content-Length: 0"]),
        ("POST", "/api/v1/jobs?dataset=orders", 415, [f"Content-Type: a/b{';' * 8000}", "Content-Length: 0"]),
        ("POST", "/login", 415, ["Content-Type: text/plain", "Content-Length: 0"]),
    ],
)
def test_no_head_holds_the_daemon_up(gate: Headgate, method: str, path: str, status: int, headers: list[str]) -> None:
    """Fields that are made for the libraries that take them apart, from anybody: seconds to half a minute each."""
    for _ in range(30):
        line = Line(gate)
        line.send(method, path, *headers)
        assert line.answer()[0] == status
        line.connection.close()
