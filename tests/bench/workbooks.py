"""The workbooks of the benchmarks: orders as they come from a shop, 20 columns, written once and kept."""

from __future__ import annotations

import random
from pathlib import Path

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


def specification() -> str:
    """Return the dataset: every column typed, ids and their form checked, upserted by key."""
    fields = []
    for name, title in zip(NAMES, TITLES, strict=True):
        extra = ""
        if name == "order_no":
            extra = ', id: true, constraints: {required: true, pattern: "^[0-9]{18}$"}'
        elif name == "quantity":
            extra = ", constraints: {minimum: 1}"
        fields.append(f'  - {{name: {name}, type: "{TYPES.get(name, "string")}", header: [{title}]{extra}}}')
    lines = ["dataset: orders", 'match: {glob: "*"}', "fields:", *fields]
    return "\n".join([*lines, "primaryKey: [order_no]", "load: {table: orders, mode: upsert}"]) + "\n"


def workbook(folder: Path, rows: int, start: int) -> Path:
    """Return a workbook of so many orders, numbered from `start`; it is written if it is not there yet."""
    path = folder / f"orders-{rows}-{start}.xlsx"
    if path.exists():
        return path
    part, chance = path.with_suffix(".part"), random.Random(start)
    with xlsxwriter.Workbook(part, {"constant_memory": True}) as book:
        sheet = book.add_worksheet("订单")
        day_form, time_form = book.add_format({"num_format": "yyyy-mm-dd"}), book.add_format({"num_format": 22})
        sheet.write_row(0, 0, TITLES)
        for row in range(1, rows + 1):
            for column, value in enumerate(_order(start + row, chance)):
                if isinstance(value, str):
                    sheet.write_string(row, column, value)
                elif value is not None:
                    form = {3: day_form, 4: time_form}.get(column)
                    sheet.write_number(row, column, value, form)
    part.rename(path)
    return path


def _order(number: int, chance: random.Random) -> list[str | float | None]:
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
