"""Rejected rows corrected cell by cell over HTTP: shown, checked, and handed in again as any workbook is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from api_caller import Answer, Api

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Headgate

TOKENS = {"boss": "admin", "shop": "submit", "till": "submit", "eyes": "read"}
JSON = {"Content-Type": "application/json"}
SHEET = "订单"


def post(api: Api, job: int, what: str, content: object, headers: dict[str, str] | None = None) -> Answer:
    body = json.dumps(content).encode()
    return api(f"/jobs/{job}/rejects/{what}", method="POST", body=body, headers=JSON if headers is None else headers)


def corrections(*rows: tuple[object, str]) -> dict[str, Any]:
    """Return the body that gives rows of the sheet these quantities."""
    return {"rows": [{"sheet": SHEET, "row": row, "cells": [{"column": 3, "text": text}]} for row, text in rows]}


@pytest.fixture
def as_(headgate: Headgate) -> Iterator[Callable[[str], Api]]:
    """Callers of a daemon whose loads only add rows: what is loaded twice shows."""
    headgate.add_without_key()
    known = {name: f"{name}-{'0123456789' * 3}" for name in TOKENS}
    secret = headgate.folder / "var" / "api.token"
    secret.parent.mkdir()
    secret.write_text("".join(f"{name} {TOKENS[name]} {token}\n" for name, token in known.items()))
    secret.chmod(0o600)
    process = headgate.start_ready()
    yield lambda name: Api(headgate.api_url, known[name])
    assert headgate.stop(process) == 0


@pytest.fixture
def job(as_: Callable[[str], Api], tmp_path: Path, orders: Callable[..., Path]) -> int:
    """A job of the shop with 37 loaded rows, and the rejected rows 5, 9 and 13."""
    made: int = as_("shop").submit(orders(tmp_path / "orders.xlsx", 40, bad=(3, 7, 11)).read_bytes()).json["id"]
    assert as_("shop").wait(made)["state"] == "partial"
    return made


def test_rows_are_corrected_and_loaded_exactly_once(as_: Callable[[str], Api], job: int, headgate: Headgate) -> None:
    shop = as_("shop")
    first = shop(f"/jobs/{job}/rejects/rows?limit=2").json
    assert [(row["row"], row["cells"][2]) for row in first["rows"]] == [(5, "many"), (9, "many")]
    assert first["rows"][0]["errors"][0]["column"] == 3
    rest = shop(f"/jobs/{job}/rejects/rows?limit=2&cursor={first['next_cursor']}").json
    assert ([row["row"] for row in rest["rows"]], rest["next_cursor"]) == ([13], None)
    checks = post(shop, job, "check", {"cells": [{"field": "quantity", "text": text} for text in ("7", "0", "x")]}).json
    assert [(one["ok"], one["code"]) for one in checks["cells"]] == [
        (True, None),
        (False, "cell.range"),
        (False, "cell.type"),
    ]

    made = post(shop, job, "corrected", corrections((5, "7"), (13, "0")))
    assert (made.status, made.headers["Content-Disposition"]) == (200, f'attachment; filename="corrected-{job}.xlsx"')
    fixed = shop.wait(shop.submit(made.body, f"fixes={job}", Idempotency_Key="one").json["id"])
    assert (fixed["state"], fixed["fixes_job"], fixed["dataset"], fixed["file"]) == (
        "partial",
        job,
        "orders",
        "orders.xlsx",
    )
    assert (fixed["rows"]["inserted"], fixed["rows"]["rejected"]) == (1, 1)
    assert headgate.scalar("SELECT count(*) FROM orders") == "38"

    # What is still wrong can be corrected on the job that has it, and what was sent is known for what it is.
    again = post(shop, job, "corrected", corrections((5, "7"), (13, "0"))).body
    assert shop.submit(again, f"fixes={job}", Idempotency_Key="one").json["id"] == fixed["id"]
    once = post(shop, job, "corrected", corrections((9, "1"))).body
    assert shop.wait(shop.submit(once, f"fixes={job}").json["id"])["state"] == "loaded"
    assert shop.wait(shop.submit(once, f"fixes={job}").json["id"])["state"] == "duplicate"
    [left] = shop(f"/jobs/{fixed['id']}/rejects/rows").json["rows"]
    last = post(shop, fixed["id"], "corrected", corrections((left["row"], "3"))).body
    assert shop.wait(shop.submit(last, f"fixes={fixed['id']}").json["id"])["state"] == "loaded"
    assert headgate.scalar("SELECT count(*) FROM orders") == "40"
    assert headgate.scalar("SELECT count(DISTINCT order_no) FROM orders") == "40"


def test_roles_are_those_of_the_rejected_rows(as_: Callable[[str], Api], job: int) -> None:
    texts = {"cells": [{"field": "quantity", "text": "7"}]}
    for name, seen, changed in (("boss", 200, 200), ("shop", 200, 200), ("till", 404, 404), ("eyes", 200, 403)):
        api = as_(name)
        assert api(f"/jobs/{job}/rejects/rows").status == seen, name
        assert post(api, job, "check", texts).status == changed, name
        assert post(api, job, "corrected", corrections((5, "7"))).status == changed, name
    assert Api(as_("boss").url, "no-token-of-ours-0000")(f"/jobs/{job}/rejects/rows").status == 401


def test_what_is_no_correction_is_refused_and_said_to_be_so(
    as_: Callable[[str], Api], job: int, tmp_path: Path, orders: Callable[..., Path]
) -> None:
    shop = as_("shop")
    two_texts = {"rows": [{"sheet": SHEET, "row": 5, "cells": [{"column": 3, "text": text} for text in "78"]}]}
    for status, words, answer in (
        (400, "rows: List should have at least 1 item", post(shop, job, "corrected", {"rows": []})),
        (400, "rows.0.row: Input should be a valid integer", post(shop, job, "corrected", corrections(("5", "7")))),
        (
            400,
            "cells.0.more: Extra inputs",
            post(shop, job, "check", {"cells": [{"field": "a", "text": "", "more": 1}]}),
        ),
        (400, "not JSON", shop(f"/jobs/{job}/rejects/check", method="POST", body=b"{", headers=JSON)),
        (415, "application/json", post(shop, job, "check", {}, headers={"Content-Type": "text/plain"})),
        (413, "4096 KiB", post(shop, job, "corrected", corrections((5, "7" * (5 << 20))))),
        (422, "there twice", post(shop, job, "corrected", corrections((5, "7"), (5, "8")))),
        (422, "row 5 of sheet '订单' has a column twice", post(shop, job, "corrected", two_texts)),
        (422, "row 6 of sheet '订单' was not rejected", post(shop, job, "corrected", corrections((6, "7")))),
        # A text may have more rows than a sheet of a workbook.
        (422, "row 2000000 of sheet", post(shop, job, "corrected", corrections((2_000_000, "7")))),
        (422, "no field 'colour'", post(shop, job, "check", {"cells": [{"field": "colour", "text": "red"}]})),
        (422, "has no rejected rows", shop(f"/jobs/{job}/rejects/rows?sheet=other")),
        (400, "cursor is a whole number", shop(f"/jobs/{job}/rejects/rows?cursor=x")),
    ):
        assert (answer.status, words in answer.json["detail"]) == (status, True), answer.body
    good = shop.submit(orders(tmp_path / "good.xlsx", 5, start=900).read_bytes()).json["id"]
    shop.wait(good)
    assert shop(f"/jobs/{good}/rejects/rows").status == 409
    assert post(shop, good, "corrected", corrections((5, "7"))).status == 409
