"""Number formats: what 250 real codes and all built-in ids show a number as, by one function for every format."""

from __future__ import annotations

from typing import Any

import pytest

from ingest.cells.cells import Kind
from ingest.cells.number_format import (
    BUILTIN_CODES,
    EAST_ASIAN_CODES,
    EAST_ASIAN_IDS,
    builtin_format,
    number_format,
)

# ECMA-376 part 1, 18.8.30 and 18.8.31; Excel's and LibreOffice Calc's own lists of formats in several languages.
NUMBERS = r"""
General|Standard|G/通用格式|G/標準|G/표준|Geral|Generale|Genel|Estándar|Algemeen|Standardowy|Obecný
0|0.00|#,##0|#,##0.00|0%|0.00%|0.00E+00|##0.0E+0|# ?/?|# ??/??|@|#|?|0.0|#,##0;-#,##0
#,##0;[Red]-#,##0|#,##0.00;-#,##0.00|#,##0.00;[Red]-#,##0.00|#,##0 ;(#,##0)|#,##0 ;[Red](#,##0)
#,##0.00;(#,##0.00)
_(* #,##0_);_(* \(#,##0\);_(* "-"_);_(@_)|_($* #,##0_);_($* \(#,##0\);_($* "-"_);_(@_)
_(* #,##0.00_);_(* \(#,##0.00\);_(* "-"??_);_(@_)|_($* #,##0.00_);_($* \(#,##0.00\);_($* "-"??_);_(@_)
_-* #,##0\ _€_-;\-* #,##0\ _€_-;_-* "-"\ _€_-;_-@_-
_-* #,##0.00\ "€"_-;\-* #,##0.00\ "€"_-;_-* "-"??\ "€"_-;_-@_-
"$"#,##0_);\("$"#,##0\)|"$"#,##0_);[Red]\("$"#,##0\)|"$"#,##0.00_);[Red]\("$"#,##0.00\)|$#,##0|$#,##0.00
[$$-409]#,##0.00|[$€-407] #,##0.00|#,##0.00 [$€-407];[RED]-#,##0.00 [$€-407]|[$¥-804]#,##0.00|[$￥-411]#,##0
[$£-809]#,##0.00;[Red]-[$£-809]#,##0.00|[$CHF-807] #,##0.00|#,##0.00 "kg"|0.0 "days"|0 "h"|0" years"
#,##0" km/h"
0.00 EUR|#,##0.00 USD|0 kg|0 dm|0 s|0 hours|#,##0 days|0.00 Std|[Red]0.00|[Blue]0;[Red]-0|[Color10]0.0
[Color 3]#,##0
0.000|0.0000|0.000000|0.00000000E+00|0.0E+0|0E+0|00E+0|0.###|#.##|#.0|?0.0|0.0?|0.00_);(0.00)|0,|0.0,,
#,##0,"k"|0.0,,"M"
# ?/2|# ??/16|# ???/???|# ??/100|?/?|t0|t0.00|t#,##0|t0%|t# ?/?|[DBNum1]General|[DBNum2][$-804]General
[DBNum1]0
[=1]"yes";[=0]"no";General|"open"|[>0]"up";[<0]"down";"same"|"Y";"Y";"N"|[>=1000000]0.0,,"M";[>=1000]0.0,"K";0
[$-409]0.00|[$-1010409]General|[$-F]0|[NatNum1]0|[HIJRI]0|0\ %|0.00\ "%"|+0;-0;0|+0.0%;-0.0%|"+"0;"-"0
#" "##0|0*-|*-0
"""
DATES = r"""
mm-dd-yy|d-mmm-yy|d-mmm|mmm-yy|yyyy-mm-dd|yyyy/mm/dd|dd/mm/yyyy|d/m/yyyy|m/d/yyyy|mm/dd/yyyy|dd.mm.yyyy
d.m.yy|dd-mm-yy
yyyymmdd|yy-mm-dd|dd mmm yyyy|d mmmm yyyy|mmmm d, yyyy|mmm d, yyyy|dddd|ddd|dddd, mmmm d, yyyy|d|dd|yyyy
yy|mmmm|mmm|m|mm
mmmmm|mmmmm-yy|[$-409]d-mmm-yy;@|[$-409]mmmm d, yyyy;@|[$-F800]dddd\,\ mmmm\ dd\,\ yyyy|[$-409]dd\-mmm\-yy;@
yyyy\-mm\-dd;@|dd\/mm\/yyyy|[$-407]d. mmmm yyyy;@|[$-407]mmmm yy;@|d/m;@|[$-804]aaaa|[$-804]aaaa;@
[$-804]aaa;@|aaa|aaaa
[$-804]yyyy"年"m"月"d"日";@|[DBNum1][$-804]yyyy"年"m"月"d"日";@|yyyy"年"m"月"|m"月"d"日"|yyyy年m月d日
[$-411]ge.m.d|[$-411]ggge"年"m"月"d"日"
[$-411]ggg|[$-411]ge.m.d;@|ggge年mm月dd日|e/m/d|[$-404]e/m/d|[$-404]e"年"m"月"d"日"
[$-412]yyyy"년" mm"월" dd"일"|yyyy년 m월 d일;@
[$-412]aaaa|[$-D000000]d/m/yyyy|[$-41E]d mmmm yyyy;@|d/m/bb|dd/mm/bbbb|[$-107041E]d mmm yy;@|B2yyyy/m/d
B1dd/mm/yyyy
ว/ด/ปปปป|ว-ดดด-ปป|ดดด-ปป|[ENG][$-409]d mmm yyyy|[$-409][~buddhist]d mmm yyyy|[$-1000000]yyyy
"Week of "yyyy-mm-dd
"Q"m yyyy|dd/mm/yyyy;@|[Red]yyyy-mm-dd|[Color5]d.m.|d.m.|_(yyyy_)|yyyy-mm-dd* |mmm\ yyyy|mmm'yy
[$-419]d mmm;@|[$-816]d "de" mmmm "de" yyyy
d "de" mmmm "de" yyyy|[$-40C]d mmmm yyyy;@|dddd d mmmm yyyy|yyyy. m. d.|d. m. yyyy
[<43831]yyyy-mm-dd;[Green]yyyy-mm-dd
"""
TIMES = r"""
h:mm|h:mm:ss|hh:mm|hh:mm:ss|h:mm AM/PM|h:mm:ss AM/PM|h AM/PM|hh:mm A/P|mm:ss|mmss.0|mm:ss.0|mm:ss.00|ss|s
h|hh|ss.000
[$-F400]h:mm:ss\ AM/PM|[$-409]h:mm\ AM/PM;@|[$-409]h:mm:ss\ AM/PM;@|h"时"mm"分"|h"時"mm"分"ss"秒"
上午/下午h"时"mm"分"
[$-404]上午/下午hh"時"mm"分"|[$-411]h"時"mm"分";@|h"시" mm"분"|h.mm|hh\hmm|h"h"mm|h:mm;@
[$-409]hh:mm AM/PM|ช:นน|ช:นน:ทท|นน:ทท
午前/午後h:mm|오전/오후 h:mm
"""
DATE_TIMES = r"""
m/d/yy h:mm|yyyy-mm-dd hh:mm|yyyy-mm-dd hh:mm:ss|yyyy-mm-dd"T"hh:mm:ss|yyyy-mm-dd hh:mm:ss.000
dd.mm.yyyy hh:mm
dd/mm/yyyy h:mm AM/PM|[$-409]m/d/yy h:mm AM/PM;@|d-mmm-yy h:mm|yyyy/m/d h:mm
yyyy"年"m"月"d"日" h"时"mm"分"|ddd h:mm
ว/ด/ปปปป ช:นน|[$-411]ggge"年"m"月"d"日" h:mm|dd.mm.yy hh:mm;@|yyyymmddhhmmss
"""
DURATIONS = r"""
[h]:mm:ss|[h]:mm|[hh]:mm|[h]|[mm]:ss|[m]|[ss]|[s]|[ss].00|[mm]:ss.0|[h]:mm:ss;@|[Color10][h]:mm
[h]"h "mm"m"|[ช]:นน:ทท|[HH]:MM:SS
[h]:mm;-[h]:mm|[h]:mm:ss.00
"""


def listed(codes: str, kind: Kind) -> list[tuple[str, Kind]]:
    return [(code, kind) for line in codes.strip("\n").splitlines() for code in line.split("|")]


CODES = [
    *listed(NUMBERS, Kind.NUMBER),
    *listed(DATES, Kind.DATE),
    *listed(TIMES, Kind.TIME),
    *listed(DATE_TIMES, Kind.DATETIME),
    *listed(DURATIONS, Kind.DURATION),
]


def test_the_table_is_long_enough_to_mean_something() -> None:
    assert len({code for code, _ in CODES}) == len(CODES) >= 200


@pytest.mark.parametrize(("code", "kind"), CODES)
def test_what_a_code_shows_a_number_as(code: str, kind: Kind) -> None:
    assert number_format(code).cell("46143.25")[0] == kind
    assert number_format(code).cell("46143.25")[1] == "46143.25"


BY_ID = {
    Kind.NUMBER: [0, *range(1, 5), *range(9, 14), *range(37, 45), 48, 49, *range(59, 63), *range(67, 71), 163],
    Kind.DATE: [14, 15, 16, 17, 27, 28, 29, 30, 31, 36, 50, 51, 54, 57, 58, 71, 72, 73, 74, 81],
    Kind.TIME: [18, 19, 20, 21, 32, 33, 45, 47, 75, 76, 78, 80],
    Kind.DATETIME: [22, 77],
    Kind.DURATION: [46, 79],
}


@pytest.mark.parametrize(("number", "kind"), [(number, kind) for kind, ids in BY_ID.items() for number in ids])
def test_builtin_ids(number: int, kind: Kind) -> None:
    assert builtin_format(number).kind == kind


@pytest.mark.parametrize("number", [34, 35, 52, 53, 55, 56])
def test_where_languages_disagree_about_an_id_the_number_says_what_it_is(number: int) -> None:
    shown = builtin_format(number)
    assert [shown.cell(text)[0] for text in ("46143", "46143.5", "0.5")] == [Kind.DATE, Kind.DATETIME, Kind.TIME]


def test_every_language_has_a_code_for_each_of_its_ids() -> None:
    assert [len(codes) for codes in EAST_ASIAN_CODES] == [len(EAST_ASIAN_IDS)] * 4
    assert not set(EAST_ASIAN_IDS) & set(BUILTIN_CODES)


@pytest.mark.parametrize(
    ("code", "kinds"),
    [
        ('[=0]"-";yyyy-mm-dd', {"0": Kind.NUMBER, "46143": Kind.DATE}),
        ("[<1]0.00;[>=1]dd/mm/yyyy", {"0.5": Kind.NUMBER, "1": Kind.DATE, "46143": Kind.DATE}),
        ("[>=1]dd/mm/yyyy;0.00", {"0.5": Kind.NUMBER, "46143": Kind.DATE}),
        ("[<>0]yyyy;0", {"0": Kind.NUMBER, "-3": Kind.DATE}),
        ("[<1]h:mm;yyyy-mm-dd h:mm", {"0.25": Kind.TIME, "46143.25": Kind.DATETIME}),
        ("[h]:mm;-0", {"1.5": Kind.DURATION, "0": Kind.DURATION, "-1": Kind.NUMBER}),
        ("yyyy-mm-dd;-0;0", {"46143": Kind.DATE, "-1": Kind.NUMBER, "0": Kind.NUMBER}),
        ("dd/mm/yyyy;;", {"46143": Kind.DATE, "0": Kind.NUMBER}),
        ("0;[>40000]yyyy", {"5": Kind.NUMBER, "46143": Kind.DATE}),
        ("[<=1E3]0;[>1E+3]yyyy", {"1000": Kind.NUMBER, "1001": Kind.DATE}),
        ('"d;"0', {"46143": Kind.NUMBER}),
        ("\\y0", {"46143": Kind.NUMBER}),
        ("[", {"46143": Kind.NUMBER}),
        ('"', {"46143": Kind.NUMBER}),
        ("", {"46143": Kind.NUMBER}),
        (";;;", {"46143": Kind.NUMBER}),
        ("yyyy;0;0;@;d;d", {"46143": Kind.DATE}),
    ],
)
def test_the_section_for_a_number_decides(code: str, kinds: dict[str, Any]) -> None:
    assert {text: number_format(code).cell(text)[0] for text in kinds} == kinds


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("00000", {"1067": "01067", "0": "00000", "123456": "123456", "1067.0": "01067", "1.067E3": "01067"}),
        ("000-000", {"1067": "001-067", "1234567": "1234-567"}),
        ("000\\-000", {"1067": "001-067"}),
        ('00"."00', {"1067": "10.67"}),
        ("000 00", {"1067": "010 67"}),
        ("(000) 000-0000", {"5551234": "(000) 555-1234"}),
        ("[<=99999]00000;00000-0000", {"1067": "01067", "123456789": "12345-6789"}),
        ("00000;-00000", {"1067": "01067"}),
        ("[Red]0000", {"7": "0007"}),
        ("00000_)", {"7": "00007"}),
        ('0#" "##" "##" "##" "##', {"612345678": "06 12 34 56 78", "1612345678": "16 12 34 56 78"}),
        (r"0#\-##", {"612": "06-12"}),
        ("##0#", {"7": "07", "1067": "1067"}),
        ('"INV-"0000', {"42": "INV-0042"}),
        ("#000", {"7": "007", "12345": "12345"}),
        ("#-00", {"7": "-07", "12345": "123-45"}),
        ('"0"#', {"1067": "01067", "5": "05", "0": "0"}),
        ("\\0#", {"1067": "01067"}),
        ("\\0\\0##", {"1067": "001067"}),
        ('"0"0', {"1067": "01067", "0": "00"}),
        ('"0"#000', {"1067": "01067", "7": "0007"}),
        ('"A0-"0000', {"7": "A0-0007"}),
    ],
)
def test_digits_of_an_identifier_as_they_are_shown(code: str, shown: dict[str, str]) -> None:
    for text, digits in shown.items():
        assert number_format(code).cell(text) == (Kind.PADDED, digits)


def test_a_long_code_is_read_once() -> None:
    """Whatever tried its digits in several ways would not come to an end."""
    assert number_format("[>" + "1" * 200_000 + "x]0.00").cell("7")[0] == Kind.NUMBER


@pytest.mark.parametrize(
    "code",
    ["0", "0.00", "#,##0", "0,000", "00%", "00.0", "00E+0", "?00", '"2024-"00', "[h]00", '00"0"', '"0"', '"0"#-##'],
)
def test_forms_of_amounts_are_no_identifiers(code: str) -> None:
    assert number_format(code).cell("7")[0] != Kind.PADDED


@pytest.mark.parametrize("text", ["-7", "1.5", "1e15", "123456789012345678", "NaN", "x", ""])
def test_what_is_no_whole_number_is_not_shown_with_zeros(text: str) -> None:
    assert number_format("00000").cell(text) == (Kind.NUMBER, text)
