"""What people read of jobs: tables that fit their terminal, errors with cells and hints, each kind a few times."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from daemon.cli.console import ROOMY, job_table, print_errors, print_jobs

if TYPE_CHECKING:
    from collections.abc import Iterable

ROWS = {"read": 120_000, "inserted": 119_000, "updated": 0, "unchanged": 0, "rejected": 1000}


def record(code: str = "cell.type", severity: str = "error", row: int = 3, **more: Any) -> dict[str, Any]:
    wrong = {"code": code, "severity": severity, "sheet": "May", "row": row, "cell": f"B{row}", "field": "count"}
    return {**wrong, "message": "many is no whole number", "raw": "many", "hint": "enter a value", **more}


def job(errors: Iterable[dict[str, Any]] = (), total: int | None = None, **more: Any) -> dict[str, Any]:
    found = list(errors)
    shown = {
        "id": 7,
        "state": "partial",
        "dataset": "marketplace_orders",
        "file": "in/orders-2026-05.xlsx",
        "rows": ROWS,
    }
    return {
        **shown,
        "finished_at": 1.0,
        "errors": found,
        "errors_total": len(found) if total is None else total,
        **more,
    }


@pytest.mark.parametrize("width", [80, 100, 200])
def test_the_table_fits_the_terminal(width: int) -> None:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=False)
    console.print(job_table([job(reason="table.too_many_bad_rows: " + "x " * 200)], width))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert all(word in out.getvalue() for word in ("7", "partial", "120000", "119000", "1000"))
    assert ("what" in lines[0] + lines[1]) == (width >= ROOMY)


def test_errors_come_first_and_each_kind_a_few_times(capsys: pytest.CaptureFixture[str]) -> None:
    warnings = [record("header.extra_column", "warning", cell="D1", message="no field is titled 'x'", raw=None)]
    alike = [record(row=row) for row in range(2, 90)]
    other = [record("cell.range", row=95, message="0 is too small: at least 1", raw="0", hint="enter a value within")]
    print_errors(job([*warnings, record("row.blank", "info"), *alike, *other], total=5000))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "  cell.type: May B2: many is no whole number; enter a value"
    assert [line.split(":")[0].strip() for line in lines[:-1]] == ["cell.type"] * 5 + [
        "cell.range",
        "header.extra_column",
    ]
    assert lines[-1] == "  and 4992 more"


def test_a_value_that_the_message_lacks_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    print_errors(job([record(message="another row has the same key", raw="A1")]))
    assert "the same key ('A1'); enter" in capsys.readouterr().out


def test_jobs_with_errors_tell_them(capsys: pytest.CaptureFixture[str]) -> None:
    print_jobs([job([record()]), job(id=8, state="loaded")])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("\t")[0] for line in lines[:3]] == ["job", "7", "8"]
    assert lines[3:] == [
        "job 7, in/orders-2026-05.xlsx:",
        "  cell.type: May B3: many is no whole number; enter a value",
    ]
