"""What the file of a form is called, as clients write it."""

from __future__ import annotations

import pytest
from multipart import MultipartSegment

from daemon.api.form_names import BYTES, file_name

DOTNET = "filename=\"=?utf-8?B?6K6i5Y2VLnhsc3g=?=\"; filename*=utf-8''%E8%AE%A2%E5%8D%95.xlsx"


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("", None),
        ('filename=""', ""),
        ('filename="orders.csv"', "orders.csv"),
        ("filename=orders.csv; filename*=utf-8''orders.csv", "orders.csv"),
        (DOTNET, "订单.xlsx"),
        ("filename*=UTF-8'en'%e2%82%ac%20rates.xlsx", "€ rates.xlsx"),
        ("FileName*=iso-8859-1''%a3.xlsx", "£.xlsx"),
        ("filename=\"b.xlsx\"; filename*=nothing''a.xlsx", "b.xlsx"),
        ("filename=\"b.xlsx\"; filename*=utf-8''%ff.xlsx", "b.xlsx"),
        ('filename="b.xlsx"; filename*=a.xlsx', "b.xlsx"),
        ("filename=\"; filename*=utf-8''no.xlsx\"; x=y", "; filename*=utf-8''no.xlsx"),
        ('filename="=?UTF-8?Q?M=C3=A4rz_2026.xlsx?="', "März 2026.xlsx"),
        ('filename="=?UTF-8?B?6K6i5Y2V?= =?UTF-8?B?Lnhsc3g=?="', "订单.xlsx"),
        ('filename="=?nothing?B?6K6i?="', "=?nothing?B?6K6i?="),
        ('filename="=?UTF-8?B?5Lit?=.csv"', "=?UTF-8?B?5Lit?=.csv"),
        ('filename="why=?.xlsx"', "why=?.xlsx"),
        ('filename="100%25.xlsx"', "100%25.xlsx"),
        ('filename="März.xlsx"', "März.xlsx"),
    ],
)
def test_a_file_has_the_name_that_its_client_means(written: str, name: str | None) -> None:
    head = f'form-data; name="file"; {written}'.encode().decode(BYTES)
    assert file_name(MultipartSegment([("Content-Disposition", head)])) == name
