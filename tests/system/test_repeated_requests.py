"""Requests that come again under their Idempotency-Key, and others that come under it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from api_caller import Api

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Headgate

ASKED = "name=orders.xlsx&dataset=orders"


def form(book: bytes, **fields: str) -> tuple[bytes, dict[str, str]]:
    parts = [f'name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    parts.append(b'name="file"; filename="orders.xlsx"\r\n\r\n' + book)
    body = b"".join(b"--limit\r\nContent-Disposition: form-data; " + part + b"\r\n" for part in parts)
    return body + b"--limit--\r\n", {"Content-Type": "multipart/form-data; boundary=limit", "Idempotency-Key": "one"}


def rename_dataset(headgate: Headgate, old: str, new: str) -> None:
    definition = headgate.folder / "datasets" / "orders.yml"
    definition.write_text(definition.read_text().replace(f"dataset: {old}\n", f"dataset: {new}\n"))
    daemon = Api(headgate.api_url.removesuffix("/api/v1"), headgate.token)
    assert daemon("/-/reload", method="POST").status == 200


def test_a_request_that_comes_again_gets_its_job_also_when_its_dataset_is_gone(
    sqlite_headgate: Headgate, tmp_path: Path, orders: Callable[..., Path]
) -> None:
    headgate = sqlite_headgate
    process = headgate.start_ready()
    api = Api(headgate.api_url, headgate.token)
    book = orders(tmp_path / "o.xlsx", 5).read_bytes()
    job = api.submit(book, ASKED, Idempotency_Key="one").json["id"]
    api.wait(job)
    rename_dataset(headgate, "orders", "renamed")
    body, headers = form(book, dataset="orders")
    for again in (
        api.submit(book, ASKED, Idempotency_Key="one"),
        api("/jobs", method="POST", body=body, headers=headers),
        api("/jobs?dataset=orders", method="POST", body=body, headers=headers),
    ):
        assert (again.status, again.json["id"]) == (200, job)
    assert api.submit(book, ASKED, Idempotency_Key="two").status == 422
    assert api.submit(book, ASKED).status == 422
    other = orders(tmp_path / "p.xlsx", 6).read_bytes()
    assert "other bytes" in api.submit(other, ASKED, Idempotency_Key="one").json["detail"]
    assert api.submit(book, f"{ASKED}&check=perhaps", Idempotency_Key="one").status == 400
    assert [entry.name for entry in (headgate.folder / "var" / "spool").glob("*/jobs/*")] == []
    assert headgate.stop(process) == 0


def test_another_request_under_the_same_key_is_refused(
    sqlite_headgate: Headgate, tmp_path: Path, orders: Callable[..., Path]
) -> None:
    headgate = sqlite_headgate
    process = headgate.start_ready()
    api = Api(headgate.api_url, headgate.token)
    earlier = api.submit(orders(tmp_path / "p.xlsx", 6).read_bytes(), ASKED).json["id"]
    book, name = orders(tmp_path / "o.xlsx", 5).read_bytes(), "name=orders.xlsx"
    for number, (parameter, first, second) in enumerate(
        (
            ("check", "&check=true", ""),
            ("check", "", "&check=true"),
            ("again", "", "&again=true"),
            ("again", "&again=true", "&again=false"),
            ("fixes", "", f"&fixes={earlier}"),
            ("fixes", f"&fixes={earlier}", ""),
            ("fixes", "", "&fixes=none"),
            ("dataset", "", "&dataset=renamed"),
        )
    ):
        key = f"key-{number}"
        job = api.submit(book, name + first, Idempotency_Key=key).json["id"]
        refused = api.submit(book, name + second, Idempotency_Key=key)
        assert (refused.status, f"another {parameter};" in refused.json["detail"]) == (422, True), (first, second)
        again = api.submit(book, name + first, Idempotency_Key=key)
        assert (again.status, again.json["id"]) == (200, job)
    assert headgate.stop(process) == 0


def test_while_a_request_of_the_same_key_is_under_way_one_is_asked_to_come_back(
    sqlite_headgate: Headgate, tmp_path: Path, orders: Callable[..., Path]
) -> None:
    """As where a connection was lost in the middle of a file, and the daemon waits for the rest of it."""
    headgate = sqlite_headgate
    process = headgate.start_ready()
    api = Api(headgate.api_url, headgate.token)
    book = orders(tmp_path / "o.xlsx", 5).read_bytes()
    head = f"POST /api/v1/jobs?{ASKED} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {headgate.token}\r\n"
    head += f"Idempotency-Key: one\r\nContent-Length: {len(book)}\r\nExpect: 100-continue\r\n\r\n"
    with socket.create_connection(("127.0.0.1", headgate.settings["api"]["port"])) as lost:
        lost.sendall(head.encode())
        assert b"100 Continue" in lost.recv(100)
        lost.sendall(book[:100])
        refused = api.submit(book, ASKED, Idempotency_Key="one")
        assert (refused.status, refused.json["hint"]) == (409, "send the same again in a moment")
    headgate.until(lambda: api.submit(book, ASKED, Idempotency_Key="one").status == 201, "it is given up")
    assert headgate.stop(process) == 0
