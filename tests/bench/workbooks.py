"""The orders of the benchmarks, 20 columns as they come from a shop: rows, datasets, and workbooks written once."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import xlsxwriter

TITLES = (
    *("订单号", "店铺", "站点", "下单日期", "付款时间", "商品名称", "SKU", "数量", "单价", "金额", "优惠", "运费"),
    *("平台佣金", "利润", "币种", "买家", "国家", "状态", "物流单号", "备注"),
)
NAMES = (
    *("order_no", "shop", "site", "order_date", "paid_at", "product", "sku", "quantity", "price", "amount"),
    *("discount", "freight", "commission", "profit", "currency", "buyer", "country", "status", "tracking_no", "note"),
)
TYPES = {
    "order_date": "date",
    "paid_at": "datetime",
    "quantity": "integer",
    **dict.fromkeys(("price", "amount", "discount", "freight", "commission", "profit"), "decimal(12,2)"),
}


DAY, MOMENT = NAMES.index("order_date"), NAMES.index("paid_at")
DAY_FORM, MOMENT_FORM = "yyyy-mm-dd", "yyyy-mm-dd hh:mm"
WIDE_COLUMNS: Final = 200
WIDE_TITLES: Final = ("订单号", *(f"列{number}" for number in range(1, WIDE_COLUMNS)))
ROWS_A_SMALL_FILE: Final = 100
OPTIONAL: Final = tuple(map(NAMES.index, ("discount", "freight", "commission", "profit", "buyer", "tracking_no")))
"""Columns that shops often leave empty, beside the note."""
EMPTY_SHARE: Final = 0.4
Row = list[str | float | None]


def dataset(*, upsert: bool = True) -> str:
    """Return the dataset: every column typed, ids and their form checked, upserted by key or only added."""
    extras = {
        "order_no": ', id: true, constraints: {required: true, pattern: "^[0-9]{18}$"}',
        "quantity": ", constraints: {minimum: 1}",
    }
    fields = [
        f'  - {{name: {name}, type: "{TYPES.get(name, "string")}", header: [{title}]{extras.get(name, "")}}}'
        for name, title in zip(NAMES, TITLES, strict=True)
    ]
    return _upsert(fields) if upsert else _dataset(fields, "load: {table: orders, mode: insert}")


def narrow_dataset() -> str:
    """Return a dataset that takes two of the columns: nearly all of the work is the reading."""
    fields = [f"  - {{name: {NAMES[0]}, type: string, id: true, header: [{TITLES[0]}]}}"]
    fields += [f"  - {{name: quantity, type: integer, header: [{TITLES[NAMES.index('quantity')]}]}}"]
    return _dataset(fields, "load: {table: orders, mode: insert}")


def wide_dataset() -> str:
    """Return the dataset of the wide sheet: a third of its columns are amounts."""
    fields = [f"  - {{name: order_no, type: string, id: true, header: [{WIDE_TITLES[0]}]}}"]
    fields += [
        f'  - {{name: c{number}, type: "{"decimal(12,2)" if is_amount(number) else "string"}", header: [{title}]}}'
        for number, title in enumerate(WIDE_TITLES[1:], 1)
    ]
    return _upsert(fields)


def _upsert(fields: Sequence[str]) -> str:
    return _dataset(fields, "primaryKey: [order_no]", "load: {table: orders, mode: upsert}")


def _dataset(fields: Sequence[str], *load: str) -> str:
    return "\n".join(["dataset: orders", 'match: {glob: "*"}', "fields:", *fields, *load]) + "\n"


def is_amount(number: int) -> bool:
    """Say whether a column of the wide sheet, the first being number 0, holds amounts."""
    return number % 3 == 1


def workbook(folder: Path, rows: int, start: int) -> Path:
    """Return a workbook as shops export it: shared strings and gaps; orders from number `start`, written once."""
    path = folder / f"export-{rows}-{start}.xlsx"
    if not path.exists():
        part, chance = path.with_suffix(".part"), random.Random(start)
        write(part, TITLES, (_with_gaps(order(start + row, chance), chance) for row in range(1, rows + 1)))
        part.rename(path)
    return path


def _with_gaps(row: Row, chance: random.Random) -> Row:
    return [None if column in OPTIONAL and chance.random() < EMPTY_SHARE else value for column, value in enumerate(row)]


def write(path: Path, titles: Sequence[str], rows: Iterable[Row], *, shared: bool = True, moments: bool = True) -> None:
    """Write a workbook by xlsxwriter: texts shared or inline, days and moments as the numbers that they are."""
    with xlsxwriter.Workbook(path, {"constant_memory": not shared}) as book:
        sheet = book.add_worksheet("订单")
        forms = {DAY: book.add_format({"num_format": DAY_FORM}), MOMENT: book.add_format({"num_format": MOMENT_FORM})}
        sheet.write_row(0, 0, titles)
        for number, row in enumerate(rows, 1):
            for column, value in enumerate(row):
                if isinstance(value, str):
                    sheet.write_string(number, column, value)
                elif value is not None:
                    sheet.write_number(number, column, value, forms.get(column) if moments else None)


def order(number: int, chance: random.Random) -> Row:
    """Return an order; only the note is empty now and then. Days are numbers since 1899-12-30, as in a workbook."""
    quantity, price, day = chance.randint(1, 9), round(chance.uniform(1, 500), 2), 45_000 + chance.randint(0, 500)
    amount = round(quantity * price, 2)
    return [
        f"{10**17 + number}",
        f"店铺{chance.randint(1, 40)}",
        chance.choice(["SG", "MY", "TH", "VN"]),
        day,
        day + chance.randrange(86_400) / 86_400,
        f"商品 {chance.randint(1, 5000)} 型号 {chance.choice('ABCDE')}",
        f"SKU-{chance.randint(1, 20_000):06d}",
        quantity,
        price,
        amount,
        round(chance.uniform(0, 5), 2),
        round(chance.uniform(0, 20), 2),
        round(amount * 0.05, 2),
        round(amount * 0.2, 2),
        chance.choice(["SGD", "MYR"]),
        f"buyer_{chance.randint(1, 100_000)}",
        chance.choice(["SG", "MY"]),
        chance.choice(["已完成", "待发货"]),
        f"{9 * 10**17 + chance.randint(0, 10**12)}",
        None if chance.random() < 0.7 else f"备注 {number}",
    ]
