"""Makes the workbooks of examples/inbox, always the same ones: `python examples/make_workbooks.py [FOLDER]`."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import xlsxwriter
import xlwt

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

INBOX: Final = Path(__file__).parent / "inbox"
MADE_AT: Final = datetime(2024, 6, 1, 8, 0)  # noqa: DTZ001  # a workbook's own property, which has no zone

Row = list[Any]

PRODUCTS: Final = [
    ("蓝牙耳机 Pro", "BT-EAR-01", 89.9),
    ("便携充电宝 20000mAh", "PWR-20K", 129.0),
    ("不锈钢保温杯 500ml", "CUP-500", 45.5),
    ("儿童防晒衣", "KID-UV-110", 68.0),
    ("无线鼠标", "MSE-W2", 39.9),
    ("Yoga Mat 6mm", "YGM-6", 99.0),
    ("LED 台灯", "LMP-LED-3", 75.25),
    ("手机壳 (透明)", "CASE-TR", 12.8),
]
SHOPS: Final = [
    ("旗舰店", "SG", "SGD"),
    ("数码专营店", "MY", "MYR"),
    ("家居生活馆", "TH", "THB"),
    ("Saigon Deals", "VN", "VND"),
]
BUYERS: Final = ["tan_wei_ming", "nur.aisyah", "สมชาย", "nguyen.lan", "李娜", "priya_k", "o'connor"]
ORDER_TITLES: Final = [
    "订单号",
    "店铺",
    "站点",
    "下单日期",
    "付款时间",
    "商品名称",
    "SKU",
    "数量",
    "单价",
    "金额",
    "币种",
    "买家",
    "状态",
    "物流单号",
    "备注",
]
KINDS: Final = ["Verkauf", "Verkauf", "Verkauf", "Erstattung", "Verkauf", "Verkauf", "Verkauf", "Werbung"]
NOTES: Final = ["", "", "", "请尽快发货", "礼品包装 🎁", "-", "改地址:12 Jalan Besar, #04-11"]


def main() -> None:
    """Write every workbook into the folder that is named, else into the inbox."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else INBOX
    make_all(folder)


def make_all(folder: Path) -> None:
    """Write every workbook below the folder."""
    for name in ("orders", "settlements", "stock", "prices"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    _orders(folder / "orders" / "订单导出-2024-05.xlsx", [_order(number) for number in range(320)])
    _orders(folder / "orders" / "orders-with-mistakes.xlsx", _mistaken_orders())
    _login_page(folder / "orders" / "download.xlsx")
    _settlement(folder / "settlements" / "abrechnung-2024-04.xlsx")
    _stock(folder / "stock" / "inventario-mayo.xls")
    _prices(folder / "prices" / "tarif-printemps-2024.xlsx", "Prix HT")
    _prices(folder / "prices" / "tarif-ete-2024.xlsx", "Tarif net")


# -- orders (Chinese) -----------------------------------------------------------------------------------


def _order(number: int) -> Row:
    product, sku, price = PRODUCTS[number * 7 % len(PRODUCTS)]
    shop, site, currency = SHOPS[number * 5 % len(SHOPS)]
    day = date(2024, 5, 1) + timedelta(days=number % 31)
    quantity = 1 + number % 4
    paid = number % 9 != 0
    paid_at = datetime.combine(day, time(9 + number % 12, number * 13 % 60, number * 29 % 60)) if paid else None
    return [
        f"{day:%y%m%d}{880_000_000_000 + number * 7919:012d}",
        shop,
        site,
        day,
        paid_at,
        product,
        sku,
        quantity,
        price,
        round(quantity * price, 2),
        currency,
        BUYERS[number % len(BUYERS)],
        "已发货" if paid else "待付款",
        f"SPXSG{10_000_000 + number * 4111}" if paid else "",
        NOTES[number % len(NOTES)],
    ]


def _mistaken_orders() -> list[Row]:
    """Return 120 orders of which five cannot be loaded, each for a reason of its own."""
    rows = [_order(number) for number in range(1000, 1120)]
    order_no, order_date, quantity, amount = (
        ORDER_TITLES.index(title) for title in ("订单号", "下单日期", "数量", "金额")
    )
    rows[11][order_no] = int(rows[11][order_no])  # typed as a number: Excel keeps 15 digits
    rows[34][order_date] = "2024-02-31"
    rows[57][quantity] = 0
    rows[80][order_no] = ""
    rows[101][amount] = "=NA()"
    return rows


def _orders(path: Path, rows: list[Row]) -> None:
    with _workbook(path) as book:
        sheet = book.add_worksheet("订单")
        _table(book, sheet, 0, [ORDER_TITLES, *rows])
        sheet.set_column(0, 0, 22)
        sheet.autofilter(0, 0, len(rows), len(ORDER_TITLES) - 1)


def _login_page(path: Path) -> None:
    """Write what a download script saves when its session has ended: a web page under a workbook's name."""
    path.write_text(
        "<!DOCTYPE html>\n<html><head><title>Sign in</title></head>\n"
        "<body><p>Your session has expired. Please sign in again.</p></body></html>\n",
        encoding="utf-8",
    )


# -- settlements (German) -------------------------------------------------------------------------------


def _settlement(path: Path) -> None:
    titles = ["Auszahlungsnr.", "Bestellnummer", "Buchungsdatum", "Art", "Brutto", "Gebühr", "Netto"]
    with _workbook(path) as book:
        sheet = book.add_worksheet("Abrechnung")
        title = book.add_format({"bold": True, "font_size": 14})
        sheet.merge_range(0, 0, 0, 6, "Marktplatz-Abrechnung April 2024", title)
        sheet.write(1, 0, "Händler:")
        sheet.write(1, 1, "Beispiel Handels GmbH, Köln")
        sheet.write(2, 0, "Zeitraum:")
        sheet.write(2, 1, "01.04.2024 - 30.04.2024")
        rows = [_booking(number) for number in range(48)]
        _table(book, sheet, 4, [titles, *rows])
        total = round(sum(row[6] for row in rows), 2)
        sheet.write_row(4 + len(rows) + 2, 0, ["Summe", "", "", f"{len(rows)} Buchungen", "", "", total])


def _booking(number: int) -> Row:
    kind = KINDS[number % len(KINDS)]
    gross = {"Verkauf": 19.99 + number * 47.35, "Erstattung": -(9.99 + number * 3.1), "Werbung": 0.0}[kind]
    fee = 25.0 if kind == "Werbung" else round(gross * 0.12, 2)
    day = date(2024, 4, 1) + timedelta(days=number * 5 // 8)
    order_no = "" if kind == "Werbung" else f"302-{4_410_000 + number * 317:07d}-{1_200_000 + number * 911:07d}"
    return [
        f"AZ-2024-04-{number + 1:04d}",
        order_no,
        f"{day:%d.%m.%Y}",
        kind,
        _euro(gross),
        _euro(fee),
        round(gross - fee, 2),
    ]


def _euro(amount: float) -> str:
    """Return `1234.5` as `1.234,50 €`."""
    return f"{amount:,.2f}".translate(str.maketrans(",.", ".,")) + " €"


# -- stock (Spanish, BIFF8) -----------------------------------------------------------------------------


def _stock(path: Path) -> None:
    titles = ["Almacén", "SKU", "Descripción", "Existencias", "Costo unitario", "Última entrada", "Activo"]
    goods = ["Tornillo M6", "Arandela 8 mm", "Taladro percutor", "Cinta métrica 5 m", "Guantes de nitrilo", "Broca Ø10"]
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet("Inventario")
    dated = xlwt.easyxf(num_format_str="DD/MM/YYYY")
    for column, title in enumerate(titles):
        sheet.write(0, column, title, xlwt.easyxf("font: bold on"))
    for number in range(150):
        sheet.write(number + 1, 0, ["Ciudad de México", "Monterrey", "Mérida"][number // 50])
        sheet.write(number + 1, 1, f"FER-{number % 50 + 1:05d}")
        sheet.write(number + 1, 2, goods[number % len(goods)])
        sheet.write(number + 1, 3, number * 37 % 400)
        sheet.write(number + 1, 4, round(3.5 + number * 1.15, 2))
        sheet.write(number + 1, 5, date(2024, 1, 8) + timedelta(days=number % 120), dated)
        sheet.write(number + 1, 6, "sí" if (number + 1) % 25 else "no")
    book.save(str(path))


# -- prices (French) ------------------------------------------------------------------------------------


def _prices(path: Path, price_title: str) -> None:
    titles = ["Référence", "Désignation", price_title, "TVA", "Valable à partir du"]
    goods = [
        ("Huile d'olive 75 cl", 0.055),
        ("Café moulu 250 g", 0.055),
        ("Théière émaillée", 0.2),
        ("Bougie parfumée", 0.2),
    ]
    rows = []
    for number in range(60):
        label, vat = goods[number % len(goods)]
        rows.append(
            [f"{3_700_000_000_000 + number * 10_007}", label, round(2.4 + number * 0.85, 2), vat, date(2024, 3, 20)]
        )
    with _workbook(path) as book:
        _table(book, book.add_worksheet("Tarif"), 0, [titles, *rows])


# -- writing --------------------------------------------------------------------------------------------


def _workbook(path: Path) -> xlsxwriter.Workbook:
    book = xlsxwriter.Workbook(path)
    book.set_properties({"created": MADE_AT})
    return book


def _table(book: xlsxwriter.Workbook, sheet: Worksheet, top: int, rows: list[Row]) -> None:
    """Write a header row, bold, and rows below it; texts stay texts, and what is empty stays no cell."""
    bold = book.add_format({"bold": True, "bg_color": "#DDEBF7"})
    sheet.write_row(top, 0, rows[0], bold)
    formats: dict[type[date], Format] = {
        datetime: book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}),
        date: book.add_format({"num_format": "yyyy-mm-dd"}),
    }
    for number, row in enumerate(rows[1:], start=top + 1):
        for column, value in enumerate(row):
            _write(sheet, number, column, value, formats)
    sheet.freeze_panes(top + 1, 0)


def _write(sheet: Worksheet, row: int, column: int, value: Any, formats: Mapping[type[date], Format]) -> None:
    if value is None or value == "":
        return
    if isinstance(value, (datetime, date)):
        sheet.write_datetime(row, column, value, formats[type(value)])
    elif isinstance(value, str) and value.startswith("="):
        sheet.write_formula(row, column, value, None, "#N/A")
    elif isinstance(value, str):
        sheet.write_string(row, column, value)
    else:
        sheet.write_number(row, column, value)


if __name__ == "__main__":
    main()
