"""`headgate ingest`: one shot, the same pipeline and ledger, on both databases."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import xlsxwriter

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Headgate

HEADERS = [
    "订单号", "店铺", "站点", "下单日期", "付款时间", "商品名称", "SKU", "数量", "单价", "金额",
    "优惠", "运费", "平台佣金", "利润", "币种", "买家", "国家", "状态", "物流单号", "备注",
]  # fmt: skip
SPEC = """
dataset: orders
version: 1
match: {glob: "**"}
header: {mode: detect}
fields:
  - {name: order_no, type: string, header: [订单号], id: true, constraints: {required: true, pattern: "^[0-9]{18}$"}}
  - {name: shop, type: string, header: [店铺]}
  - {name: site, type: string, header: [站点]}
  - {name: order_date, type: date, header: [下单日期], constraints: {required: true}}
  - {name: paid_at, type: datetime, header: [付款时间]}
  - {name: product, type: string, header: [商品名称]}
  - {name: sku, type: string, header: [SKU]}
  - {name: quantity, type: integer, header: [数量], constraints: {minimum: 1}}
  - {name: price, type: "decimal(12,2)", header: [单价]}
  - {name: amount, type: "decimal(12,2)", header: [金额]}
  - {name: discount, type: "decimal(12,2)", header: [优惠]}
  - {name: freight, type: "decimal(12,2)", header: [运费]}
  - {name: commission, type: "decimal(12,2)", header: [平台佣金]}
  - {name: profit, type: "decimal(12,2)", header: [利润]}
  - {name: currency, type: string, header: [币种]}
  - {name: buyer, type: string, header: [买家]}
  - {name: country, type: string, header: [国家]}
  - {name: status, type: string, header: [状态]}
  - {name: tracking_no, type: string, header: [物流单号], id: true}
  - {name: note, type: string, header: [备注]}
primaryKey: [order_no]
load: {table: orders, mode: upsert}
quarantine: {max_rows: 1000, max_percent: 5}
"""
ROWS = 50_000
BAD_QUANTITY, BAD_ORDER = 777, 43_210


def write_workbook(path: Path) -> None:
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("订单")
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        sheet.write_row(0, 0, HEADERS)
        for number in range(ROWS):
            row = number + 1
            order = "2026-XX" if number == BAD_ORDER else str(202600000000000000 + number)
            quantity: object = "三" if number == BAD_QUANTITY else number % 9 + 1
            price = (number % 5000 + 1) / 100
            sheet.write_row(row, 0, [order, f"店铺{number % 30}", "SG"])
            sheet.write_number(row, 3, 46000 + number % 300, day)
            sheet.write_number(row, 4, 46000 + number % 300 + 0.5, moment)
            sheet.write_row(row, 5, [f"商品 {number % 900}", f"SKU-{number % 900:05}", quantity, price, price])
            sheet.write_row(row, 10, [0, 1.25, 0.3, -0.07, "SGD", f"buyer{number}", "新加坡", "已完成"])
            sheet.write_row(row, 18, [f"LP{number:016}", "" if number % 3 else "急"])


def ingested(headgate: Headgate, *files: Path, spec: Path) -> tuple[int, list[dict[str, Any]]]:
    done = headgate.command("ingest", *files, "--dataset", spec, "--database", headgate.database_url, "--json")
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture
def bare(headgate: Headgate) -> Headgate:
    """Without a configuration file: the command needs none."""
    headgate.config.unlink()
    return headgate


@pytest.mark.timeout(300)
def test_fifty_thousand_rows_with_two_bad_ones(bare: Headgate) -> None:
    spec, book = bare.folder / "dataset.yml", bare.folder / "orders.xlsx"
    spec.write_text(SPEC, encoding="utf-8")
    write_workbook(book)

    code, (job,) = ingested(bare, book, spec=spec)
    assert code == 1
    assert job["state"] == "partial"
    assert job["rows"] == {
        "read": ROWS, "inserted": ROWS - 2, "updated": 0, "unchanged": 0,
        "duplicate": 0, "rejected": 2, "blank": 0, "footer": 0, "skipped": 0,
    }  # fmt: skip
    assert [(error["code"], error["cell"], error["raw"]) for error in job["errors"]] == [
        ("cell.type", f"H{BAD_QUANTITY + 2}", "三"),
        ("cell.pattern", f"A{BAD_ORDER + 2}", "2026-XX"),
    ]
    assert job["errors_total"] == 2
    assert set(job["seconds"]) >= {"sniff", "read", "validate", "spool", "load"}
    assert job["peak_rss_bytes"] > 0
    assert bare.scalar("SELECT count(*) FROM orders") == str(ROWS - 2)
    assert bare.scalar("SELECT min(order_no) FROM orders") == "202600000000000000"
    assert bare.scalar("SELECT count(*) FROM orders WHERE note IS NULL") == str(
        sum(1 for n in range(ROWS) if n % 3 and n not in (BAD_QUANTITY, BAD_ORDER))
    )

    code, (again,) = ingested(bare, book, spec=spec)
    assert (code, again["state"], again["first_job"]) == (0, "duplicate", job["job"])
    assert bare.scalar("SELECT count(*) FROM orders") == str(ROWS - 2)


def test_files_are_reported_in_order_and_the_worst_decides_the_exit_code(
    bare: Headgate, orders: Callable[..., Path]
) -> None:
    spec = bare.folder / "datasets" / "orders.yml"
    good = orders(bare.folder / "good.xlsx", 10)
    other = orders(bare.folder / "other.xlsx", 5, start=100)
    broken = bare.folder / "broken.xlsx"
    broken.write_bytes(good.read_bytes()[:-200])
    code, jobs = ingested(bare, good, broken, other, spec=spec)
    assert code == 1
    assert [Path(job["file"]).name for job in jobs] == ["good.xlsx", "broken.xlsx", "other.xlsx"]
    assert [job["state"] for job in jobs] == ["loaded", "rejected", "loaded"]
    assert bare.scalar("SELECT count(*) FROM orders") == "15"
    code, _ = ingested(bare, good, other, spec=spec)
    assert code == 0


def test_copies_of_a_file_are_duplicates_of_the_first_one(bare: Headgate, orders: Callable[..., Path]) -> None:
    first = orders(bare.folder / "orders.xlsx", 10)
    copies = [bare.folder / f"copy-{number}.xlsx" for number in range(5)]
    for copy in copies:
        copy.write_bytes(first.read_bytes())
    code, jobs = ingested(bare, first, *copies, spec=bare.folder / "datasets" / "orders.yml")
    assert code == 0
    assert [job["state"] for job in jobs] == ["loaded", *["duplicate"] * len(copies)]
    assert {job["first_job"] for job in jobs[1:]} == {jobs[0]["job"]}


def test_people_get_a_line_a_file_and_the_first_errors(bare: Headgate, orders: Callable[..., Path]) -> None:
    spec = bare.folder / "datasets" / "orders.yml"
    book = orders(bare.folder / "orders.xlsx", 10, bad=(3,))
    done = bare.command("ingest", book, "--dataset", spec, "--database", bare.database_url)
    assert done.returncode == 1
    assert "partial" in done.stdout
    assert "cell.type" in done.stdout
    assert "C5" in done.stdout
    assert "many is no whole number" in done.stdout


def test_a_killed_run_is_taken_up_by_the_next(bare: Headgate, orders: Callable[..., Path]) -> None:
    spec = bare.folder / "datasets" / "orders.yml"
    files = [orders(bare.folder / f"orders-{n}.xlsx", 2000, start=n * 2000) for n in range(4)]
    arguments = ["ingest", *files, "--dataset", spec, "--database", bare.database_url, "--json"]
    for seconds in (0.8, 1.2, 1.6):
        process = subprocess.Popen(
            [bare.binary, *map(str, arguments)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd=bare.folder,
            env=bare.environ(),
        )
        bare.processes.append(process)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            bare.kill(process)
    code, jobs = ingested(bare, *files, spec=spec)
    assert code == 0
    assert {job["state"] for job in jobs} <= {"loaded", "duplicate"}
    assert bare.scalar("SELECT count(*) FROM orders") == "8000"
    assert bare.scalar("SELECT count(DISTINCT order_no) FROM orders") == "8000"


def test_a_reader_that_has_gone_is_no_database_that_went_away(bare: Headgate, orders: Callable[..., Path]) -> None:
    spec = bare.folder / "datasets" / "orders.yml"
    book = orders(bare.folder / "orders.xlsx", 5)
    arguments = ["ingest", book, "--dataset", spec, "--database", bare.database_url]
    with subprocess.Popen(
        [bare.binary, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=bare.folder,
        env=bare.environ(),
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode
    assert bare.scalar("SELECT count(*) FROM orders") == "5"


def test_a_drafted_dataset_loads_its_sample(bare: Headgate, orders: Callable[..., Path]) -> None:
    book = orders(bare.folder / "orders.xlsx", 300)
    spec = bare.folder / "draft.yml"
    done = bare.command("infer", book, "-o", spec)
    assert (done.returncode, done.stdout) == (0, "")
    assert f"headgate ingest {book} --dataset {spec}" in done.stderr
    code, (job,) = ingested(bare, book, spec=spec)
    assert (code, job["state"], job["rows"]["inserted"]) == (0, "loaded", 300)
    assert bare.command("infer", book).stdout == spec.read_text(encoding="utf-8")
    again = bare.command("infer", book, "-o", spec)
    assert again.returncode == 2
    assert "there already" in again.stderr
    refused = bare.command("infer", spec)
    assert refused.returncode == 1
    assert "file.format_unknown" in refused.stderr


@pytest.mark.parametrize("command", ["ingest", "backfill"])
def test_names_are_taken_as_they_are_and_a_constant_of_the_path_with_them(
    sqlite_headgate: Headgate, command: str
) -> None:
    """Blanks that are no ASCII are of the name, and so are bytes that are no text."""
    spec, folder = sqlite_headgate.folder / "shops.yml", sqlite_headgate.folder / "shop=北　京"
    spec.write_text(
        "dataset: shops\nfields: [{name: a, type: integer}]\n"
        'constants: {shop: {from: path, regex: "shop=([^/]+)"}}\nload: {table: shops}\n',
        encoding="utf-8",
    )
    folder.mkdir()
    book = folder / "o\udcffrd.csv"
    book.write_text("a\n1\n", encoding="utf-8")
    done = sqlite_headgate.command(command, book, "--dataset", spec, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[0])["file"].endswith("rd.csv")
    assert sqlite_headgate.scalar("SELECT shop FROM shops") == "北　京"
