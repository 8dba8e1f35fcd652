"""The way back: rejected rows are fetched, corrected, handed in again, and only they are loaded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import openpyxl

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .conftest import Headgate


def correct(path: Path) -> None:
    book = openpyxl.load_workbook(path)
    for row in book["订单"].iter_rows(min_row=2):
        row[2].value = 7
    book.save(path)


def test_over_the_daemon(headgate: Headgate, orders: Callable[..., Path]) -> None:
    process = headgate.start_ready()
    orders(headgate.inbox / "orders.xlsx", 40, bad=(3, 7))
    headgate.until(lambda: headgate.all_finished(1), "the file is loaded", process=process)
    [job] = headgate.jobs()
    assert (job["state"], job["rows"]["inserted"]) == ("partial", 38)
    back = headgate.folder / "back.xlsx"
    done = headgate.command("rejects", job["id"], "-o", back, "-c", headgate.config)
    assert done.returncode == 0, done.stderr
    assert f"--fixes {job['id']}" in done.stderr
    sheet = openpyxl.load_workbook(back)["订单"]
    assert [row[4].value for row in sheet.iter_rows(min_row=2)] == [5, 9]
    assert [row[0].value for row in sheet.iter_rows(min_row=2)] == [f"{10**17 + 3}", f"{10**17 + 7}"]

    again = headgate.command("rejects", job["id"], "-o", back, "-c", headgate.config)
    assert again.returncode == 2
    assert "there already" in again.stderr
    absent = headgate.command("rejects", 99, "-o", headgate.folder / "x.csv", "-c", headgate.config)
    assert (absent.returncode, "there is no job 99" in absent.stderr) == (3, True)

    correct(back)
    arguments = ("submit", back, "--fixes", job["id"], "--wait", "--json", "-c", headgate.config)
    done = headgate.command(*arguments)
    assert done.returncode == 0, done.stderr
    fixed = json.loads(done.stdout)
    assert (fixed["state"], fixed["fixes_job"], fixed["dataset"]) == ("loaded", job["id"], "orders")
    assert fixed["rows"]["inserted"] == 2
    assert headgate.scalar("SELECT count(*) FROM orders") == "40"
    nothing = headgate.command("rejects", fixed["id"], "-o", headgate.folder / "x.csv", "-c", headgate.config)
    assert (nothing.returncode, "no rejected rows" in nothing.stderr) == (3, True)

    assert headgate.stop(process) == 0
    process = headgate.start_ready()
    later = headgate.command("rejects", job["id"], "-o", headgate.folder / "later.csv", "-c", headgate.config)
    assert later.returncode == 0, "a restart has lost the file"
    assert headgate.stop(process) == 0


def test_files_are_let_go_in_time(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    sqlite_headgate.settings["ledger"] |= {"rejects_seconds": 1, "beat_seconds": 0.5}
    sqlite_headgate.write_config()
    process = sqlite_headgate.start_ready()
    orders(sqlite_headgate.inbox / "orders.xlsx", 40, bad=(3,))
    sqlite_headgate.until(lambda: sqlite_headgate.all_finished(1), "the file is loaded", process=process)
    spool = sqlite_headgate.folder / "var" / "spool"
    sqlite_headgate.until(lambda: not list(spool.glob("*/jobs/*")), "the file has gone", process=process)
    out = sqlite_headgate.folder / "x.xlsx"
    done = sqlite_headgate.command("rejects", 1, "-o", out, "-c", sqlite_headgate.config)
    assert (done.returncode, "not kept" in done.stderr) == (3, True)
    assert sqlite_headgate.stop(process) == 0


def test_without_a_daemon(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    gate = sqlite_headgate
    spec = gate.folder / "datasets" / "orders.yml"
    book = orders(gate.folder / "orders.xlsx", 40, bad=(3, 7))
    common = ("--dataset", spec, "--database", gate.database_url, "--json")
    done = gate.command("ingest", book, *common, "--rejects", gate.folder / "back")
    assert done.returncode == 1, done.stderr
    job = json.loads(done.stdout)
    back = gate.folder / "back" / "orders.rejects.xlsx"
    correct(back)
    done = gate.command("ingest", back, *common, "--fixes", job["job"])
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"]["inserted"] == 2
    assert gate.scalar("SELECT count(*) FROM orders") == "40"
    wrong = gate.command("ingest", back, *common, "--fixes", 77)
    assert (wrong.returncode, "there is no such job" in wrong.stderr) == (3, True)


def test_rejects_of_a_one_shot_run_are_fetched_afterwards(
    sqlite_headgate: Headgate, orders: Callable[..., Path]
) -> None:
    gate = sqlite_headgate
    spec, out = gate.folder / "datasets" / "orders.yml", gate.folder / "back.xlsx"
    common = ("--dataset", spec, "--database", gate.database_url)
    done = gate.command("ingest", orders(gate.folder / "orders.xlsx", 40, bad=(3, 7)), *common)
    assert f"rejected rows: headgate rejects 1 -o back.xlsx --dataset {spec}" in done.stdout
    done = gate.command("rejects", 1, "-o", out, *common)
    assert done.returncode == 0, done.stderr
    correct(out)
    done = gate.command("ingest", out, *common, "--fixes", 1)
    assert done.returncode == 0, done.stderr
    assert gate.scalar("SELECT count(*) FROM orders") == "40"
    for number in (9, 10**20):
        absent = gate.command("rejects", number, "-o", gate.folder / "x.csv", *common)
        assert (absent.returncode, f"there is no job {number} in" in absent.stderr) == (3, True)
        absent = gate.command("ingest", out, *common, "--fixes", number)
        assert (absent.returncode, "there is no such job" in absent.stderr) == (3, True)
    half = gate.command("rejects", 1, "-o", gate.folder / "x.csv", *common[2:])
    assert (half.returncode, "name its --dataset" in half.stderr) == (2, True)
    configured = gate.command("rejects", 1, "-o", gate.folder / "x.csv", *common[:2], "-c", gate.config)
    assert (configured.returncode, f"-c {gate.config}" in configured.stderr) == (0, True), configured.stderr
    wrong = gate.command("rejects", 1, "-o", gate.folder / "y.csv", *common[:2], "--database", "jdbc:nothing")
    assert (wrong.returncode, "--database: not a database URL" in wrong.stderr) == (2, True)
    other = gate.folder / "other.yml"
    other.write_text(spec.read_text(encoding="utf-8").replace("dataset: orders", "dataset: other"), encoding="utf-8")
    strange = gate.command("rejects", 1, "-o", gate.folder / "y.csv", "--dataset", other, *common[2:])
    assert (strange.returncode, "job 1 is of dataset orders" in strange.stderr) == (3, True)


def test_after_a_check_the_good_rows_are_loaded_first(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    """A check loads nothing: who only hands the corrected rows in has the others nowhere."""
    gate = sqlite_headgate
    spec = gate.folder / "datasets" / "orders.yml"
    common = ("--dataset", spec, "--database", gate.database_url)
    book, many = (
        orders(gate.folder / "the orders.xlsx", 40, bad=(3,)),
        orders(gate.folder / "bad.xlsx", 20, bad=range(15)),
    )
    checked = gate.command("ingest", book, "--check", *common, "--rejects", gate.folder / "back")
    first = f"a check loads nothing: headgate ingest '{book}' --dataset {spec}"
    assert first in checked.stdout
    done = gate.command("rejects", 1, "-o", gate.folder / "a.xlsx", *common)
    assert first in done.stderr
    gate.command("ingest", many, "--check", *common)
    done = gate.command("rejects", 2, "-o", gate.folder / "b.xlsx", *common)
    assert "nothing is loaded: correct the whole file" in done.stderr

    process = gate.start_ready()
    gate.command("submit", book, "--check", "--wait", "--dataset", "orders", "-c", gate.config)
    done = gate.command("rejects", 3, "-o", gate.folder / "c.xlsx", "-c", gate.config)
    assert f"headgate load 3 -c {gate.config} loads the good rows" in done.stderr
    assert f"headgate submit {gate.folder / 'c.xlsx'} --fixes 3 -c {gate.config}" in done.stderr
    assert gate.stop(process) == 0


def test_of_a_rejected_file_the_whole_is_wanted(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    """What is written has the bad rows alone, and the good ones are not loaded either."""
    gate = sqlite_headgate
    spec, out = gate.folder / "datasets" / "orders.yml", gate.folder / "back.xlsx"
    spec.write_text(spec.read_text(encoding="utf-8").replace("max_rows: 10", "max_rows: 1"), encoding="utf-8")
    common = ("--dataset", spec, "--database", gate.database_url)
    book = orders(gate.folder / "orders.xlsx", 40, bad=(3, 7))
    done = gate.command("ingest", book, *common, "--rejects", gate.folder / "back")
    assert "nothing is loaded: correct the whole file" in done.stdout
    assert "--fixes" not in done.stdout
    done = gate.command("rejects", 1, "-o", out, *common)
    assert (done.returncode, out.exists()) == (0, True), done.stderr
    assert "nothing is loaded: correct the whole file" in done.stderr
    assert "--fixes" not in done.stderr

    process = gate.start_ready()
    gate.command("submit", book, "--wait", "-c", gate.config)
    again = gate.folder / "again.xlsx"
    done = gate.command("rejects", 2, "-o", again, "-c", gate.config)
    assert "nothing is loaded: correct the whole file" in done.stderr
    bad = openpyxl.load_workbook(again)
    sheet = bad.active
    assert sheet is not None
    column = next(cell.column for row in sheet.iter_rows() for cell in row if cell.value == "many")
    for number in (sheet.max_row - 1, sheet.max_row):
        sheet.cell(number, column).value = 7
    bad.save(again)
    done = gate.command("submit", again, "--fixes", 2, "--wait", "-c", gate.config)
    assert "job 2 was refused as a whole: rows that were good there are not among these" in done.stdout, done
    assert gate.stop(process) == 0


def test_corrected_rows_replace_nothing(sqlite_headgate: Headgate) -> None:
    gate = sqlite_headgate
    spec = gate.folder / "stock.yml"
    spec.write_text(
        "dataset: stock\nfields: [{name: sku, type: string}, {name: qty, type: integer}]\nprimaryKey: [sku]\n"
        "load: {table: stock, mode: replace}\nquarantine: {max_percent: 50}\nexpect: {min_rows: 3}\n"
    )
    book, back = gate.folder / "stock.csv", gate.folder / "back.csv"
    common = ("--dataset", spec, "--database", gate.database_url)
    book.write_text("sku,qty\na,1\nb,2\nc,x\n")
    assert gate.command("ingest", book, *common).returncode == 1
    done = gate.command("rejects", 1, "-o", back, *common)
    assert done.returncode == 0, done.stderr
    step = f"headgate ingest {back} --fixes 1 --dataset {spec} --database {gate.database_url}"
    assert step in done.stderr
    back.write_text(back.read_text(encoding="utf-8-sig").replace("c,x,", "c,3,"))
    done = gate.command(*step.split()[1:])
    assert done.returncode == 0, done.stderr
    assert gate.rows("SELECT sku, qty FROM stock ORDER BY sku") == [("a", 1), ("b", 2), ("c", 3)]


def test_corrected_rows_that_are_only_added_are_added_once(sqlite_headgate: Headgate) -> None:
    gate = sqlite_headgate
    spec, book = gate.folder / "stock.yml", gate.folder / "stock.csv"
    spec.write_text(
        "dataset: stock\nfields: [{name: sku, type: string}, {name: qty, type: integer}]\n"
        "load: {table: stock, mode: replace}\n"
    )
    common = ("--dataset", spec, "--database", gate.database_url)
    book.write_text("sku,qty\na,1\n")
    assert gate.command("ingest", book, *common).returncode == 0
    for content in ("b,2", "c,3", "b,2"):
        book.write_text(f"sku,qty\n{content}\n")
        done = gate.command("ingest", book, *common, "--fixes", 1)
        assert done.returncode == 0, done.stderr
    assert gate.rows("SELECT sku FROM stock ORDER BY sku") == [("a",), ("b",), ("c",)]


def test_a_row_that_comes_back_again_is_loaded_once(sqlite_headgate: Headgate) -> None:
    """In parts, with what was loaded before, as a workbook or as CSV, of two sheets with the same rows."""
    gate = sqlite_headgate
    spec, book, back = gate.folder / "stock.yml", gate.folder / "stock.xlsx", gate.folder / "back"
    spec.write_text(
        "dataset: stock\nfields: [{name: sku, type: string}, {name: qty, type: integer}]\n"
        "load: {table: stock}\nworkbook: {sheets: {index: all}}\nquarantine: {max_percent: 90}\n"
    )
    common = ("--dataset", spec, "--database", gate.database_url)
    made = openpyxl.Workbook()
    made.remove(made.active)
    for name in ("May", "June"):
        sheet = made.create_sheet(name)
        for row in (("sku", "qty"), (f"{name} 1", "x"), (f"{name} 2", "x"), (f"{name} 3", 3)):
            sheet.append(row)
    made.save(book)
    assert gate.command("ingest", book, *common, "--rejects", back).returncode == 1

    parts = openpyxl.load_workbook(back / "stock.rejects.xlsx")
    for name, place in (("May", 2), ("June", 2), ("June", 3)):
        parts[name][f"B{place}"] = place
        parts.save(gate.folder / "part.xlsx")
        gate.command("ingest", gate.folder / "part.xlsx", *common, "--fixes", 1)
    done = gate.command("rejects", 4, "-o", gate.folder / "rest.csv", *common)
    assert done.returncode == 0, done.stderr
    rest = (gate.folder / "rest.csv").read_text(encoding="utf-8-sig")
    assert "May 2,x,May!3," in rest
    (gate.folder / "rest.csv").write_text(rest.replace("2,x,", "2,20,"))
    assert gate.command("ingest", gate.folder / "rest.csv", *common, "--fixes", 4).returncode == 0
    parts["May"]["B3"] = 30
    parts.save(gate.folder / "all.xlsx")
    done = gate.command("ingest", gate.folder / "all.xlsx", *common, "--fixes", 1)
    assert done.returncode == 0, done.stderr
    assert "4 corrected rows left out: they had come back, and were loaded, before" in done.stdout
    assert gate.rows("SELECT sku, qty FROM stock ORDER BY sku") == [
        *(("June 1", 2), ("June 2", 3), ("June 3", 3)),
        *(("May 1", 2), ("May 2", 20), ("May 3", 3)),
    ]
    assert gate.command("ingest", gate.folder / "all.xlsx", *common, "--fixes", 1, "--again").returncode == 0
    assert gate.rows("SELECT count(*) FROM stock") == [(10,)]


def test_names_of_sheets_that_no_workbook_has_end_no_daemon(sqlite_headgate: Headgate) -> None:
    gate = sqlite_headgate
    gate.settings["intake"]["folders"] = [{"path": "inbox", "settle_seconds": 0.3, "taken": "move"}]
    gate.write_config()
    (gate.folder / "datasets" / "orders.yml").write_text(
        'dataset: stock\nmatch: {glob: "*"}\nfields: [{name: sku, type: string}, {name: qty, type: integer}]\n'
        "load: {table: stock}\nquarantine: {max_percent: 50}\n"
    )
    rows = "".join(
        f"<Row><Cell><Data>{sku}</Data></Cell><Cell><Data>{qty}</Data></Cell></Row>"
        for sku, qty in (("sku", "qty"), ("a", "1"), ("b", "x"))
    )
    space = "urn:schemas-microsoft-com:office:spreadsheet"
    (gate.inbox / "q1.xml").write_text(
        f'<?xml version="1.0"?><?mso-application progid="Excel.Sheet"?><Workbook xmlns="{space}" xmlns:ss="{space}">'
        f'<Worksheet ss:Name="Q1/2026: Sales"><Table>{rows}</Table></Worksheet></Workbook>'
    )
    process = gate.start_ready()
    back = gate.inbox / "rejected" / "q1.rejects.xlsx"
    gate.until(back.exists, "the rejected row is handed back", process=process)
    assert openpyxl.load_workbook(back).sheetnames == ["Q1_2026_ Sales"]
    assert gate.stop(process) == 0


def test_without_a_database_it_is_said_where_rows_go(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    gate = sqlite_headgate
    book, spec = orders(gate.folder / "orders.xlsx", 4), gate.folder / "datasets" / "orders.yml"
    done = gate.command("ingest", book, "--dataset", spec, "-c", gate.config)
    assert done.returncode == 0, done.stderr
    assert f"headgate: loading into {gate.database_url}; --database names another" in done.stderr
