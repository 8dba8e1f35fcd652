"""`headgate backfill` of files on other machines: real servers of S3, SFTP, WebDAV and SMB on loopback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from storage_fixtures import asked_for
from storage_servers import Place, credentials

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Headgate

FILES = 12
TEXT = "订单号,买家,数量,单价\n{number},buyer,{quantity},9.99\n"


@pytest.fixture(params=["s3", "sftp", "webdav", "smb"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    with asked_for(request, tmp_path) as found:
        for number in range(FILES):
            text = TEXT.format(number=10**17 + number, quantity=number + 1)
            found.put(f"{2019 + number % 3}/订单 {number:02}.csv", text.encode())
        found.put("2019/~$open.xlsx", b"of an editor")
        found.put("2020/rejected.csv", TEXT.format(number="wrong", quantity=1).encode())
        yield found


def backfilled(
    headgate: Headgate, place: Place, *urls: str, credentials_file: Path | None = None
) -> tuple[int, dict[str, Any], str]:
    report = headgate.folder / "report.json"
    report.unlink(missing_ok=True)
    options = [word for key, value in place.options.items() for word in ("--option", f"{key}={value}")]
    done = headgate.command(
        *("backfill", *urls, "--dataset", "orders", "--report", report, *options),
        *("--credentials-file", credentials_file or place.credentials_file),
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(report.read_text(encoding="utf-8")) if report.exists() else {}, done.stderr


def test_files_of_other_machines_are_loaded_once(sqlite_headgate: Headgate, place: Place) -> None:
    code, report, _ = backfilled(sqlite_headgate, place, place.url)
    assert code == 1
    assert report["files"] == {"loaded": FILES, "partial": 0, "rejected": 1, "skipped": 0, "failed": 0}
    example = report["codes"]["cell.pattern"]["examples"][0]["file"]
    assert example == f"{place.url}/2020/rejected.csv"
    assert sqlite_headgate.scalar("SELECT count(*) FROM orders") == str(FILES)
    assert sqlite_headgate.scalar("SELECT count(*) FROM headgate_job") == str(FILES + 1)

    code, report, _ = backfilled(sqlite_headgate, place, f"{place.url}/2019", f"{place.url}/2021")
    assert (code, report["files"]["skipped"]) == (0, 8)
    code, report, _ = backfilled(sqlite_headgate, place, f"{place.url}/20*/*1.csv")
    assert (code, report["files"]["skipped"]) == (0, 2)
    code, report, _ = backfilled(sqlite_headgate, place, f"{place.url}/2019/订单 03.csv")
    assert (code, report["files"]["skipped"]) == (0, 1)
    assert sqlite_headgate.scalar("SELECT count(*) FROM headgate_job") == str(FILES + 1)


def test_what_cannot_be_used_is_told(sqlite_headgate: Headgate, place: Place, tmp_path: Path) -> None:
    code, _, error = backfilled(sqlite_headgate, place, f"{place.url}/none")
    assert (code, "is not there" in error) == (3, True), error
    code, _, error = backfilled(sqlite_headgate, place, "gopher://x/y")
    assert (code, "no kind of storage" in error) == (2, True), error
    words = {"access_key_id": "x", "secret_access_key": "y"} if place.s3 else {"username": "x", "password": "y"}
    if place.s3 is None:  # moto takes any credentials
        wrong = credentials(tmp_path, "wrong", **words)
        code, _, error = backfilled(sqlite_headgate, place, place.url, credentials_file=wrong)
        assert code == 3, error
