"""Mappings at a running daemon: an unknown workbook is looked at, mapped and loaded; the next one needs no hand."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from api_caller import Api

if TYPE_CHECKING:
    from .conftest import Headgate

TITLES = ("Bestellung", "Buyer name", "Menge", "Preis", "Bemerkung")
COLUMNS = {"Bestellung": "order_no", "Buyer name": "buyer", "Menge": "quantity", "Preis": "price", "Bemerkung": None}
NAMED = "dataset=orders&name=export.csv"


def content(start: int, rows: int = 5) -> bytes:
    lines = [f"{10**17 + start + n},buyer {n},{n + 1},{n}.50,x" for n in range(rows)]
    return "\n".join([",".join(TITLES), *lines, ""]).encode()


def mapping(**keys: Any) -> bytes:
    return json.dumps({"titles": TITLES, "columns": COLUMNS, **keys}).encode()


def post(api: Api, path: str, body: bytes) -> Any:
    return api(path, method="POST", body=body, headers={"Content-Type": "application/json"})


def test_an_unknown_workbook_is_mapped_and_the_next_one_needs_no_hand(headgate: Headgate) -> None:
    process = headgate.start_ready()
    api = Api(headgate.api_url, headgate.token)
    refused = api.wait(api.submit(content(0), NAMED).json["id"])
    assert (refused["state"], refused["errors"][0]["code"]) == ("rejected", "header.not_found")
    seen = api(f"/jobs/{refused['id']}/table").json
    assert (seen["header_row"], seen["mapping"], seen["rejection"]["code"]) == (1, None, "header.not_found")
    assert seen["columns"][1]["suggestions"][0] == {"field": "buyer", "because": "similar words"}
    assert len(seen["rows"]) == 6

    tried = post(api, f"/jobs/{refused['id']}/mapping/trial", mapping()).json
    assert (tried["rejection"], tried["rows"]["accepted"]) == (None, 5)
    assert tried["table"]["mapping"] == {"columns": COLUMNS, "values": {}}
    assert tried["first"]["rows"][0] == [str(10**17), "buyer 0", "1", "0.50"]
    assert api("/mappings").json == {"mappings": []}, "nothing is kept by a trial"

    kept = post(api, f"/jobs/{refused['id']}/mapping", mapping())
    assert kept.status == 201
    loaded = api.wait(kept.json["job"]["id"])
    assert (loaded["state"], loaded["rows"]["inserted"]) == ("loaded", 5)
    assert api(f"/jobs/{refused['id']}").json["loaded_as"] == loaded["id"]
    assert api(f"/jobs/{refused['id']}/table").status == 409, "its file went to the job that loaded it"

    changed = post(api, f"/jobs/{refused['id']}/mapping", mapping(columns={"Bestellung": "order_no", "Preis": None}))
    assert changed.status == 409
    assert api("/mappings").json["mappings"] == [kept.json["mapping"]], "what is refused is not kept either"

    (headgate.folder / "inbox" / "orders-next.csv").write_bytes(content(5))
    headgate.until(lambda: headgate.scalar("SELECT count(*) FROM orders") == "10", "the next file is loaded")
    again = api.wait(api.submit(content(0), NAMED).json["id"])
    assert (again["state"], again["rows"]["unchanged"]) == ("loaded", 5)

    (only,) = api("/mappings?dataset=orders").json["mappings"]
    assert yaml.safe_load(only["yaml"])["mappings"][0]["columns"] == COLUMNS
    assert api(f"/mappings/{only['id']}/remove", method="POST").json["id"] == only["id"]
    assert api(f"/mappings/{only['id']}/remove", method="POST").status == 404
    assert api.wait(api.submit(content(20), NAMED).json["id"])["state"] == "rejected"
    assert headgate.stop(process) == 0


def test_the_exported_mapping_does_the_same_in_the_dataset(headgate: Headgate) -> None:
    process = headgate.start_ready()
    api = Api(headgate.api_url, headgate.token)
    job = api.wait(api.submit(content(0), NAMED).json["id"])
    kept = post(api, f"/jobs/{job['id']}/mapping", mapping()).json
    assert api.wait(kept["job"]["id"])["state"] == "loaded"
    api(f"/mappings/{kept['mapping']['id']}/remove", method="POST")
    spec = headgate.folder / "datasets" / "orders.yml"
    spec.write_text(spec.read_text("utf-8") + kept["mapping"]["yaml"], encoding="utf-8")
    assert Api(headgate.api_url.removesuffix("/api/v1"), headgate.token)("/-/reload", method="POST").status == 200
    assert api.wait(api.submit(content(5), NAMED).json["id"])["state"] == "loaded"
    assert headgate.stop(process) == 0


def test_rejected_rows_of_a_partial_load_come_in_by_a_mapping(headgate: Headgate) -> None:
    """What is loaded stays: only the rejected rows are handed in again, and are read by the mapping then."""
    process = headgate.start_ready()
    api = Api(headgate.api_url, headgate.token)
    columns = "订单号,买家,数量,单价"
    lines = [f"{10**17 + n},b,{'one' if n == 2 else n + 1},1.50" for n in range(5)]
    partial = api.wait(api.submit("\n".join([columns, *lines]).encode(), NAMED).json["id"])
    assert (partial["state"], partial["rows"]["rejected"]) == ("partial", 1)
    body = json.dumps({"titles": columns.split(","), "values": {"quantity": {"one": "1"}}}).encode()
    kept = post(api, f"/jobs/{partial['id']}/mapping", body)
    assert (kept.status, kept.json["job"]) == (201, None)
    rejects = api(f"/jobs/{partial['id']}/rejects?format=xlsx").body
    fixed = api.wait(api.submit(rejects, f"name=fixed.xlsx&fixes={partial['id']}").json["id"])
    assert (fixed["state"], fixed["rows"]["inserted"]) == ("loaded", 1)
    assert headgate.scalar("SELECT count(*) FROM orders") == "5"
    assert headgate.stop(process) == 0


def test_rejected_rows_of_a_mapped_file_are_shown_and_come_back_corrected(headgate: Headgate) -> None:
    process = headgate.start_ready()
    api = Api(headgate.api_url, headgate.token)
    text = content(0).decode().replace(",3,2.50", ",three,2.50").encode()
    refused = api.wait(api.submit(text, NAMED).json["id"])
    kept = post(api, f"/jobs/{refused['id']}/mapping", mapping()).json
    partial = api.wait(kept["job"]["id"])
    assert (partial["state"], partial["rows"]["inserted"], partial["rows"]["rejected"]) == ("partial", 4, 1)
    shown = api(f"/jobs/{partial['id']}/rejects/rows").json
    fields = {column["header"]: column["field"] for column in shown["columns"]}
    assert (fields["Menge"], fields["Bemerkung"]) == ("quantity", None)
    (row,) = shown["rows"]
    assert (row["row"], row["errors"][0]["column"]) == (4, 3)
    cells = [{"column": 3, "text": "3"}]
    corrections = json.dumps({"rows": [{"sheet": shown["sheet"], "row": 4, "cells": cells}]}).encode()
    for book in (
        api(f"/jobs/{partial['id']}/rejects?format=xlsx"),
        post(api, f"/jobs/{partial['id']}/rejects/corrected", corrections),
    ):
        assert book.status == 200
        fixed = api.wait(api.submit(book.body, f"name=fixed.xlsx&fixes={partial['id']}").json["id"])
    assert (fixed["state"], fixed["rows"]["inserted"]) == ("loaded", 1)
    assert headgate.scalar("SELECT count(*) FROM orders") == "5"
    assert headgate.stop(process) == 0


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (mapping(columns={"Menge": "no_such"}), 422, "undeclared fields: no_such"),
        (mapping(columns={"None": "buyer"}), 400, "none of titles: None"),
        (mapping(columns={"Menge": "price", "Preis": "price"}), 400, "several titles"),
        (mapping(titles=[]), 400, "titles"),
        (b"{", 400, "not JSON"),
        (b'{"titles": ["Menge"], "columns": {"Menge": "price", "Menge": "quantity"}}', 400, "Menge is given twice"),
    ],
)
def test_a_wrong_mapping_is_told(sqlite_headgate: Headgate, body: bytes, status: int, words: str) -> None:
    process = sqlite_headgate.start_ready()
    api = Api(sqlite_headgate.api_url, sqlite_headgate.token)
    job = api.wait(api.submit(content(0), NAMED).json["id"])
    for path in ("mapping", "mapping/trial"):
        answer = post(api, f"/jobs/{job['id']}/{path}", body)
        assert answer.status == status
        assert words in answer.json["detail"]
    assert api("/mappings").json == {"mappings": []}
    assert sqlite_headgate.stop(process) == 0
