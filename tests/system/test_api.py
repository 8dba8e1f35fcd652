"""The API of a running daemon: pages and filters, roles, retry and cancel, events, idempotent uploads."""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from api_caller import Api

if TYPE_CHECKING:
    from .conftest import Headgate

TOKENS = """
# name role token
boss admin admin-token-0123456789
shop submit shop-token-0123456789
till submit till-token-0123456789
eyes read read-token-0123456789
both submit,read both-token-0123456789
"""


@pytest.fixture
def as_(headgate: Headgate) -> Iterator[Callable[[str], Api]]:
    """A running daemon with a token of each role; call it with a name of the token file."""
    tokens = headgate.folder / "var" / "api.token"
    tokens.parent.mkdir()
    tokens.touch(mode=0o600)
    tokens.write_text(TOKENS)
    known = {line.split()[0]: line.split()[2] for line in TOKENS.splitlines() if line and not line.startswith("#")}
    process = headgate.start_ready()
    yield lambda name: Api(headgate.api_url, known[name])
    assert headgate.stop(process) == 0


def content(folder: Path, orders: Callable[..., Path], number: int, **options: Any) -> bytes:
    return orders(folder / f"orders-{number}.xlsx", 5, start=number * 100, **options).read_bytes()


def test_pages_filters_and_errors(as_: Callable[[str], Api], tmp_path: Path, orders: Callable[..., Path]) -> None:
    boss = as_("boss")
    jobs = [
        boss.submit(content(tmp_path, orders, number, bad=(1, 2) if number == 2 else ()), f"name=orders-{number}.xlsx")
        for number in range(5)
    ]
    assert [job.status for job in jobs] == [201] * 5
    ids = [job.json["id"] for job in jobs]
    assert [boss.wait(job)["state"] for job in ids] == ["loaded", "loaded", "partial", "loaded", "loaded"]
    first = boss("/jobs?limit=2").json
    assert [job["id"] for job in first["jobs"]] == ids[:2:-1]
    second = boss(f"/jobs?limit=9&cursor={first['next_cursor']}").json
    assert [job["id"] for job in second["jobs"]] == ids[2::-1]
    assert second["next_cursor"] is None
    for query, expected in (
        ("state=partial", [ids[2]]),
        ("dataset=orders&state=partial", [ids[2]]),
        ("dataset=stock", []),
        ("text=ORDERS-3", [ids[3]]),
        ("text=%25", []),
        ("dataset=orders&text=-4.x", [ids[4]]),
    ):
        assert [job["id"] for job in boss(f"/jobs?{query}").json["jobs"]] == expected, query
    page = boss(f"/jobs/{ids[2]}/rejects?format=json&limit=1").json
    rest = boss(f"/jobs/{ids[2]}/rejects?format=json&cursor={page['next_cursor']}").json
    assert (page["errors_total"], rest["next_cursor"]) == (2, None)
    assert [record["cell"] for record in [*page["errors"], *rest["errors"]]] == ["C3", "C4"]
    book = boss(f"/jobs/{ids[2]}/rejects")
    assert book.body[:2] == b"PK"
    assert book.headers["Content-Disposition"] == f'attachment; filename="rejects-{ids[2]}.xlsx"'
    assert b"many" in boss(f"/jobs/{ids[2]}/rejects?format=csv").body
    (dataset,) = boss("/datasets").json["datasets"]
    assert dataset["fields"][0] == {"name": "order_no", "header": ["订单号"], "required": True}
    assert dataset["last_success_at"] == max(boss(f"/jobs/{job}").json["finished_at"] for job in ids)


def test_roles(as_: Callable[[str], Api], tmp_path: Path, orders: Callable[..., Path]) -> None:
    shop, till, eyes, both = as_("shop"), as_("till"), as_("eyes"), as_("both")
    mine = shop.submit(content(tmp_path, orders, 1)).json["id"]
    assert shop.wait(mine)["submitter"] == "shop"
    assert [shop(path).status for path in (f"/jobs/{mine}", "/jobs", "/datasets")] == [200, 200, 200]
    assert till(f"/jobs/{mine}").status == 404
    assert till("/jobs").json["jobs"] == []
    assert till(f"/jobs/{mine}/cancel", method="POST").status == 404
    assert eyes("/jobs").json["jobs"][0]["id"] == mine
    assert eyes.submit(b"x").status == 403
    assert eyes(f"/jobs/{mine}/retry", method="POST").status == 403
    theirs = both.submit(content(tmp_path, orders, 2)).json["id"]
    assert [job["id"] for job in both("/jobs").json["jobs"]] == [theirs, mine]
    assert Api(shop.url, "no-token-of-ours-0000")("/jobs").status == 401


def test_an_upload_is_repeated_safely(as_: Callable[[str], Api], tmp_path: Path, orders: Callable[..., Path]) -> None:
    shop, body = as_("shop"), content(tmp_path, orders, 1)
    first = shop.submit(body, Idempotency_Key="monday-1")
    again = shop.submit(body, Idempotency_Key="monday-1")
    assert (first.status, again.status) == (201, 200)
    assert again.json["id"] == first.json["id"]
    assert shop.submit(content(tmp_path, orders, 2), Idempotency_Key="monday-1").status == 422
    other = as_("till").submit(content(tmp_path, orders, 3), Idempotency_Key="monday-1")
    assert other.status == 201
    assert other.json["id"] != first.json["id"]
    assert shop.submit(body, Idempotency_Key="k" * 256).status == 400


def multipart(*parts: tuple[str, str | None, bytes]) -> tuple[bytes, dict[str, str]]:
    lines = []
    for name, filename, value in parts:
        disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"' if filename else "")
        lines.append(f"--limit\r\nContent-Disposition: {disposition}\r\n\r\n".encode() + value + b"\r\n")
    return b"".join(lines) + b"--limit--\r\n", {"Content-Type": "multipart/form-data; boundary=limit"}


def test_forms(as_: Callable[[str], Api], tmp_path: Path, orders: Callable[..., Path]) -> None:
    shop, book = as_("shop"), content(tmp_path, orders, 1)
    body, headers = multipart(("file", "../x/orders-7.xlsx", book), ("check", None, b"false"))
    taken = shop("/jobs", method="POST", body=body, headers=headers)
    assert taken.status == 201, taken.body
    assert taken.json["file"] == "orders-7.xlsx"
    assert shop.wait(taken.json["id"])["state"] == "loaded"
    for parts, status in (
        ([("file", "a.xlsx", b"x"), ("file", "b.xlsx", b"y")], 400),
        ([("dataset", None, b"orders")], 400),
        ([("dataset", None, b"d" * 2000), ("file", "a.xlsx", b"x")], 413),
        ([("file", "unknown.xlsx", b"x")], 422),
    ):
        body, headers = multipart(*parts)
        answer = shop("/jobs", method="POST", body=body, headers=headers)
        assert (answer.status, answer.json["status"]) == (status, status), parts
    for said, query in ((b"AAA", ""), (b"AAA", "?again=true"), (b"true", "?again=AAA"), (b"", "")):
        body, headers = multipart(("file", "orders-8.xlsx", book), ("again", None, said))
        answer = shop(f"/jobs{query}", method="POST", body=body, headers=headers)
        assert (answer.status, answer.json["detail"]) == (400, "again is one of: true, false"), (said, query)
    assert shop("/jobs", method="POST", body=body[:-8], headers=headers).status == 400
    for place, fault, name, query, parts in (
        ("form", "unknown", "datset", "", [("datset", None, b"orders")]),
        ("form", "repeated", "dataset", "", [("dataset", None, b"orders"), ("dataset", None, b"orders")]),
        ("form", "repeated", "dataset", "?dataset=orders", [("dataset", None, b"other")]),
        ("query", "unknown", "datset", "?datset=orders", []),
    ):
        body, headers = multipart(*parts, ("file", "orders-9.xlsx", book))
        problem = shop(f"/jobs{query}", method="POST", body=body, headers=headers).json
        assert (problem["status"], problem["code"], problem["parameter"], problem["place"]) == (
            *(400, f"parameter.{fault}", name, place),
        ), problem
        assert problem["hint"]
    spool = next((tmp_path / "var" / "spool").iterdir()) / "jobs"
    until(lambda: not list(spool.iterdir()))  # the work folder of the job goes after its end is in the ledger


def test_parameters_that_are_unknown_or_contradict_each_other_are_refused(
    as_: Callable[[str], Api], tmp_path: Path, orders: Callable[..., Path]
) -> None:
    boss, book = as_("boss"), content(tmp_path, orders, 1, bad=(1,))
    for method, path, code, hint in (
        ("GET", "/jobs?datset=orders", "unknown", "did you mean dataset?"),
        ("GET", "/jobs/1?x=1", "unknown", "remove it; the parameters here are: none"),
        ("GET", "/jobs?state=loaded&state=dead", "repeated", "give it once"),
        ("GET", "/openapi.json?x=1", "unknown", "remove it; the parameters here are: none"),
        ("POST", "/jobs?idempotencykey=1", "unknown", "send Idempotency-Key as a header"),
        ("POST", "/jobs/1/retry?force=true", "unknown", "remove it; the parameters here are: none"),
        ("POST", "/tasks/none?x=1", "unknown", "remove it; the parameters here are: none"),
    ):
        answer = boss(path, method=method)
        assert (answer.status, answer.json.get("code"), answer.json.get("hint")) == (400, f"parameter.{code}", hint)
    for method, path in (("GET", "/jobs?text=%00"), ("GET", "/mappings?dataset=a%00"), ("POST", "/drafts?table=%00")):
        answer = boss(path, method=method, body=None if method == "GET" else book)
        assert (answer.status, answer.json.get("code")) == (400, "parameter.value"), path
    job = boss.submit(book).json["id"]
    assert boss.wait(job)["state"] == "partial"
    refused = boss.submit(book, f"fixes={job}&dataset=other&name=a.xlsx")
    assert (refused.status, refused.json["code"]) == (422, "parameter.conflict"), refused.json
    fixing = boss.submit(book, f"fixes={job}&dataset=orders&name=a.xlsx", Idempotency_Key="fix")
    assert fixing.status == 201, fixing.json
    repeated = boss.submit(book, f"fixes={job}&dataset=other&name=a.xlsx", Idempotency_Key="fix")
    assert repeated.status == 422, repeated.json
    boss.wait(fixing.json["id"])


@dataclass
class Stream:
    """What has come over an event stream so far."""

    events: list[tuple[int, dict[str, Any]]] = field(default_factory=list)

    def of(self, job: int) -> list[str]:
        """The events of a job but for `loading`, which is told of slow ones only."""
        of_job = (event["event"] for _, event in self.events if event["job_id"] == job)
        return [event for event in of_job if event != "loading"]


@contextmanager
def streaming(api: Api, last: int | None = None) -> Iterator[Stream]:
    request = urllib.request.Request(f"{api.url}/events")  # noqa: S310  # loopback only
    request.add_header("Authorization", f"Bearer {api.token}")
    if last is not None:
        request.add_header("Last-Event-ID", str(last))
    stream = Stream()
    response = urllib.request.urlopen(request, timeout=30)  # noqa: S310  # loopback only

    def read() -> None:
        number = 0
        for line in response:
            if line.startswith(b"id: "):
                number = int(line[4:])
            elif line.startswith(b"data: "):
                stream.events.append((number, json.loads(line[6:])))

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    yield stream


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_events_come_in_order_and_can_be_resumed(
    as_: Callable[[str], Api], tmp_path: Path, orders: Callable[..., Path]
) -> None:
    shop = as_("shop")
    with streaming(as_("eyes")) as all_of_it, streaming(as_("till")) as nothing:

        def told_whole(job: int) -> bool:
            return all_of_it.of(job) == ["queued", "running", "loaded"]

        jobs = [shop.submit(content(tmp_path, orders, number)).json["id"] for number in range(5)]
        for job in jobs:
            until(partial(told_whole, job))
        numbers = [number for number, _ in all_of_it.events]
        assert numbers == sorted(numbers)
        assert nothing.events == []
    with streaming(as_("eyes"), last=numbers[3]) as resumed:
        until(lambda: len(resumed.events) == len(numbers) - 4)
        assert [number for number, _ in resumed.events] == numbers[4:]
