"""Bad input in a folder or over HTTP: each ends with its code, place and remedy, and the daemon goes on."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Headgate


def upload(headgate: Headgate, body: bytes, query: str, token: str | None = None) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(f"{headgate.api_url}/jobs?{query}", data=body, method="POST")  # noqa: S310
    request.add_header("Authorization", f"Bearer {headgate.token if token is None else token}")
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310  # loopback only
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        kind, problem = error.headers["Content-Type"], json.loads(error.read())
        status = error.code
    assert kind.startswith("application/problem+json")
    return status, problem


def test_bad_files_end_with_their_codes_and_good_ones_beside_them_load(
    headgate: Headgate, orders: Callable[..., Path]
) -> None:
    inbox = headgate.inbox
    # The half of a workbook is waited for, and then taken as it is.
    headgate.settings["intake"]["folders"][0]["unfinished_seconds"] = 3
    headgate.write_config()
    process = headgate.start_ready()
    whole = orders(headgate.folder / "whole.xlsx", 40).read_bytes()
    (inbox / "orders-text.xlsx").write_bytes(b"this is no workbook, only text that somebody renamed\n" * 30)
    (inbox / "orders-empty.xlsx").write_bytes(b"")
    (inbox / "orders-cut.xlsx").write_bytes(whole[: len(whole) // 2])
    with zipfile.ZipFile(inbox / "orders-zip.xlsx", "w") as archive:
        archive.writestr("readme.txt", "a zip, but no workbook")
    orders(inbox / "orders-all-bad.xlsx", 30, start=1000, bad=tuple(range(30)))
    orders(inbox / "stock-2026.xlsx", 5, start=2000)
    text = (headgate.folder / "datasets" / "orders.yml").read_text(encoding="utf-8")
    assert "订单号" in text
    import xlsxwriter  # noqa: PLC0415

    with xlsxwriter.Workbook(inbox / ".wrong.part") as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["Invoice", "Client"])
        sheet.write_row(1, 0, ["1", "2"])
    (inbox / ".wrong.part").rename(inbox / "orders-wrong-header.xlsx")
    orders(inbox / "orders-good.xlsx", 40)

    headgate.until(lambda: headgate.all_finished(8), "every job has ended", seconds=90, process=process)
    jobs = {job["file"]: job for job in headgate.jobs()}
    states = {name: job["state"] for name, job in jobs.items()}
    assert states == {
        "orders-text.xlsx": "rejected",
        "orders-empty.xlsx": "rejected",
        "orders-cut.xlsx": "rejected",
        "orders-zip.xlsx": "rejected",
        "orders-all-bad.xlsx": "rejected",
        "orders-wrong-header.xlsx": "rejected",
        "stock-2026.xlsx": "rejected",
        "orders-good.xlsx": "loaded",
    }
    expected = {
        "orders-text.xlsx": "file.format_unknown",
        "orders-empty.xlsx": "file.empty",
        "orders-cut.xlsx": "file.truncated",
        "orders-zip.xlsx": "file.format_unknown",
        "orders-all-bad.xlsx": "table.too_many_bad_rows",
        "orders-wrong-header.xlsx": "header.not_found",
        "stock-2026.xlsx": "file.no_spec",
    }
    for name, code in expected.items():
        shown = json.loads(headgate.get(f"{headgate.api_url}/jobs/{jobs[name]['id']}", headgate.token)[1])
        assert shown["errors"][0]["code"] == code, (name, shown["errors"][0])
        assert shown["errors"][0]["hint"], name
        assert shown["reason"], name
    bad = json.loads(headgate.get(f"{headgate.api_url}/jobs/{jobs['orders-all-bad.xlsx']['id']}", headgate.token)[1])
    assert (bad["rows"]["read"], bad["rows"]["rejected"], bad["errors_total"] >= 30) == (30, 30, True)
    assert {error["cell"] for error in bad["errors"] if error["cell"]} >= {"C2", "C31"}
    assert headgate.scalar("SELECT count(*) FROM orders") == "40"
    assert "Traceback" not in headgate.log.read_text(encoding="utf-8")
    assert headgate.stop(process) == 0


def test_http_answers_are_problem_documents(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    headgate = sqlite_headgate
    headgate.settings["intake"]["max_file_mb"] = 1
    headgate.write_config()
    process = headgate.start_ready()
    body = orders(headgate.folder / "orders.xlsx", 20).read_bytes()
    status, problem = upload(headgate, body, "dataset=unheard-of&name=x.xlsx")
    assert (status, problem["code"]) == (422, "file.no_spec")
    assert "orders" in problem["hint"]
    status, problem = upload(headgate, body, "dataset=orders", token="wrong")  # noqa: S106
    assert status == 401
    status, problem = upload(headgate, bytes(2 << 20), "dataset=orders")
    assert (status, problem["code"]) == (413, "file.too_large")
    for path, expected in (("/jobs/999", 404), ("/jobs/none", 404), ("/jobs?state=odd", 400), ("/jobs?limit=x", 400)):
        assert headgate.get(headgate.api_url + path, headgate.token)[0] == expected, path
    for path, expected, hint in (
        ("/nothing", 404, "GET /api/v1/openapi.json lists what there is"),
        ("/jobs/1/retry", 405, "the methods here are: POST"),
    ):
        status, text = headgate.get(headgate.api_url + path, headgate.token)
        assert (status, json.loads(text)["hint"]) == (expected, hint)
    status, job = upload(headgate, body, "name=..%2F..%2Forders-up.xlsx")
    assert (status, job["state"], job["file"], job["dataset"]) == (201, "queued", "orders-up.xlsx", "orders")
    headgate.until(lambda: headgate.all_finished(1), "the job has ended", process=process)
    assert headgate.jobs()[0]["state"] == "loaded"
    assert headgate.stop(process) == 0
    assert not list((headgate.folder / "var" / "spool").glob("*/jobs/*"))


def test_submit_jobs_and_job_speak_to_the_daemon(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    headgate = sqlite_headgate
    book = orders(headgate.folder / "orders-1.xlsx", 20, bad=(4,))
    without = headgate.command("submit", book, "-c", headgate.config)
    assert without.returncode == 3
    assert "headgate run" in without.stderr or "start the daemon" in without.stderr
    process = headgate.start_ready()
    done = headgate.command("submit", book, "--wait", "--json", "-c", headgate.config)
    assert done.returncode == 1, done.stderr
    job = json.loads(done.stdout)
    assert (job["state"], job["rows"]["inserted"], job["rows"]["rejected"]) == ("partial", 19, 1)
    again = headgate.command("submit", book, "--dataset", "orders", "--wait", "-c", headgate.config)
    assert (again.returncode, "duplicate" in again.stdout) == (0, True)
    listed = headgate.command("jobs", "--json", "-c", headgate.config)
    assert [json.loads(line)["state"] for line in listed.stdout.splitlines()] == ["duplicate", "partial"]
    shown = headgate.command("job", job["id"], "-c", headgate.config)
    assert shown.returncode == 0
    assert "C6" in shown.stdout
    missing = headgate.command("job", 999, "-c", headgate.config)
    assert (missing.returncode, "there is no job 999" in missing.stderr) == (3, True)
    assert headgate.stop(process) == 0


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "-c", "missing.yml"], 2, "missing.yml"),
        (["ingest", "missing.xlsx", "--dataset", "x"], 2, "missing.xlsx"),
        (["ingest", "headgate.yml", "--dataset", "unheard-of"], 2, "unheard-of"),
        (["read", "headgate.yml"], 1, "file.format_unknown"),
        (["frobnicate"], 2, "frobnicate"),
        (["check"], 0, "fine"),
    ],
)
def test_usage_errors_have_their_exit_codes(
    sqlite_headgate: Headgate, arguments: list[str], code: int, words: str
) -> None:
    done = sqlite_headgate.command(*arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
