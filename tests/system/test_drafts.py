"""Datasets from a sample over HTTP: drafted, tried, saved and in force; or refused, and nothing is changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from api_caller import Answer, Api

from daemon.api.schemas import COMPONENTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .conftest import Headgate

BOUNDARY = "a-boundary"
SAMPLE = "Part No,Pieces\n" + "".join(f"T-{number:03},{number}\n" for number in range(1, 41))


@pytest.fixture
def gate(headgate: Headgate) -> Iterator[Headgate]:
    process = headgate.start_ready()
    yield headgate
    # The work folder of a job that was loaded goes just after the ledger says so.
    spool = headgate.folder / "var" / "spool"
    headgate.until(lambda: not list(spool.glob("*/jobs/*")), "of samples nothing is kept", process=process)
    maps = Path(f"/proc/{process.pid}/maps")
    if maps.exists():
        assert "numpy" not in maps.read_text(encoding="utf-8"), "only workers read samples"
    assert headgate.stop(process) == 0


def trial(gate: Headgate, text: str, edits: list[dict[str, Any]] | str = "", sample: str = SAMPLE) -> Answer:
    parts = {"yaml": text, "edits": edits if isinstance(edits, str) else json.dumps(edits)}
    body = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in parts.items()
    )
    body += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="parts.csv"\r\n\r\n{sample}\r\n'
    form = f"{body}--{BOUNDARY}--\r\n".encode()
    api, kind = Api(gate.api_url, gate.token), f"multipart/form-data; boundary={BOUNDARY}"
    return api("/drafts/trial", method="POST", body=form, headers={"Content-Type": kind})


def drafted(gate: Headgate, query: str = "name=parts-2024.csv", sample: str = SAMPLE) -> Answer:
    kind = {"Content-Type": "application/octet-stream"}
    return Api(gate.api_url, gate.token)(f"/drafts?{query}", method="POST", body=sample.encode(), headers=kind)


def save(gate: Headgate, text: str, query: str = "") -> Answer:
    kind = {"Content-Type": "application/yaml"}
    return Api(gate.api_url, gate.token)(f"/datasets?{query}", method="POST", body=text.encode(), headers=kind)


def test_from_a_sample_to_a_load(gate: Headgate) -> None:
    draft = drafted(gate).json
    assert set(draft) == set(COMPONENTS["Draft"]["properties"])
    assert draft["content"]["dataset"] == "parts_2024"
    assert (draft["header_row"], draft["rows"][1]) == (1, ["T-001", "1"])
    found = trial(gate, draft["yaml"], [{"at": ["load", "table"], "to": "parts"}]).json
    assert set(found) == set(COMPONENTS["Trial"]["properties"])
    described = COMPONENTS["Trial"]["properties"]["trial"]["properties"]
    assert set(found["trial"]) == set(described)
    assert set(found["trial"]["rows"]) == set(described["rows"]["properties"])
    assert found["trial"]["rows"]["accepted"] == 40
    assert found["trial"]["table"] == {"problems": [], "advice": ["there is no table parts; the first load makes it"]}
    saved = save(gate, found["yaml"])
    assert saved.status == 200, saved.json
    assert Path(saved.json["file"]).read_text(encoding="utf-8") == found["yaml"]
    api = Api(gate.api_url, gate.token)
    assert api("/datasets/parts_2024/definition").body.decode() == found["yaml"]
    job = api.submit(SAMPLE.encode(), "dataset=parts_2024&name=parts.csv").json
    assert api.wait(job["id"])["rows"]["inserted"] == 40


def test_a_trial_knows_the_table(gate: Headgate) -> None:
    table = "parts" if gate.database_url.startswith("sqlite") else "public.parts"
    gate.execute(f"CREATE TABLE {table} (part_no varchar(10) PRIMARY KEY, pieces integer, maker text NOT NULL)")
    for_table = drafted(gate, f"name=parts.csv&table={table}")
    assert for_table.status == 200, for_table.json
    assert for_table.json["content"]["primaryKey"] == ["part_no"]
    text = drafted(gate, "name=parts.csv").json["yaml"]
    found = trial(gate, text, [{"at": ["load", "table"], "to": table}]).json["trial"]
    assert found["rows"]["accepted"] == 40
    assert any("maker" in problem for problem in found["table"]["problems"]), found
    unknown = drafted(gate, f"name=parts.csv&table={table}x")
    assert (unknown.status, f"{table}x" in unknown.json["detail"]) == (422, True)


def test_what_is_wrong_is_said_with_its_line(gate: Headgate) -> None:
    found = trial(gate, "dataset: x\nfeilds: []\nload: {table: x, mode: insert}\n").json
    assert found["trial"] is None
    assert [(one["line"], one["key"], one["remedy"]) for one in found["problems"]][1] == (
        2,
        "feilds",
        "did you mean fields?",
    )
    assert trial(gate, "dataset: [").json["content"] is None
    assert trial(gate, "dataset: x", [{"at": ["fields", 3, "type"], "to": "date"}]).status == 422
    for edits in ("no json", '{"at": ["dataset"], "to": "y"}', '[{"at": [], "to": "y"}]', '[{"at": ["dataset"]}]'):
        assert trial(gate, "dataset: x", edits).status == 400
    assert drafted(gate, sample="").json["code"] == "file.empty"


def test_a_sample_with_bad_cells(gate: Headgate) -> None:
    text = drafted(gate).json["yaml"]
    found = trial(gate, text, sample=SAMPLE + "T-041,many\n").json["trial"]
    assert (found["rows"]["accepted"], found["rows"]["rejected"]) == (40, 1)
    assert [one["cell"] for one in found["errors"] if one["severity"] == "error"] == ["B42"]


def test_nothing_is_changed_by_what_is_wrong_or_not_meant(gate: Headgate) -> None:
    file = gate.folder / "datasets" / "orders.yml"
    before = file.read_text(encoding="utf-8")
    there = save(gate, before)
    assert (there.status, "orders already" in there.json["detail"]) == (409, True)
    assert save(gate, "dataset: orders\n", "replace=true").status == 422
    assert save(gate, f"{before}transform: os:system\n", "replace=true").status == 422
    # Valid by itself, and wrong beside the folder that names the dataset it was: the configuration is as before.
    gate.settings["intake"]["folders"][0]["dataset"] = "orders"
    gate.write_config()
    (file.parent / "broken.yml").write_text("dataset: [", encoding="utf-8")
    refused = save(gate, before.replace("version: 1", "version: 2"), "replace=true")
    assert (refused.status, refused.json["detail"]) == (422, "the configuration is wrong with it; nothing was changed")
    assert file.read_text(encoding="utf-8") == before
    (file.parent / "broken.yml").unlink()
    saved = save(gate, f"{before}# looked at\n", "replace=true")
    assert saved.status == 200, saved.json
    assert "+# looked at" in saved.json["diff"]


def test_a_setting_forbids_it(headgate: Headgate) -> None:
    headgate.settings["api"]["edit_datasets"] = False
    headgate.write_config()
    process = headgate.start_ready()
    assert save(headgate, "dataset: x\n").status == 405
    assert drafted(headgate).status == 200, "a draft changes nothing"
    assert headgate.stop(process) == 0


def test_it_is_for_admins(headgate: Headgate) -> None:
    secret = headgate.folder / "var" / "api.token"
    secret.parent.mkdir()
    secret.write_text(f"root admin {'r' * 32}\nshop submit {'s' * 32}\n", encoding="utf-8")
    secret.chmod(0o600)
    process = headgate.start_ready()
    shop = Api(headgate.api_url, "s" * 32)
    for path in ("/drafts", "/drafts/trial", "/datasets"):
        assert shop(path, method="POST", body=b"x").status == 403
    assert shop("/datasets/orders/definition").status == 403
    assert headgate.stop(process) == 0
