"""What a file is called that somebody sent."""

from __future__ import annotations

import pytest

from daemon.intake.labels import file_label


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("订单　五月.xlsx", "订单　五月.xlsx"),
        ("Mai\u00a02026.xlsx", "Mai\u00a02026.xlsx"),
        ("می\u200cخواهم.xlsx", "می\u200cخواهم.xlsx"),
        ("C:\\files\\orders.xlsx", "orders.xlsx"),
        ("../../etc/passwd", "passwd"),
        ("a\u202ecsv.exe", "acsv.exe"),
        ("two\nlines\u2028.csv", "twolines.csv"),
        ("o\udcffrd.xlsx", "ord.xlsx"),
        ("\x00\x01", "upload"),
        ("", "upload"),
        (None, "upload"),
    ],
)
def test_a_label_is_the_last_part_of_a_name_without_what_cannot_be_printed(name: str | None, label: str) -> None:
    assert file_label(name, "upload") == label
