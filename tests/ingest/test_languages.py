"""Languages: found by their files, chosen as RFC 9110 and RFC 4647 have it, loaded when somebody asks for one."""

from __future__ import annotations

import subprocess
import sys

import pytest

from ingest.languages import best_language, catalogue, find_language, languages, locale_language
from ingest.messages import say


def test_there_are_english_and_those_of_the_catalogues() -> None:
    assert languages() == ("en", "de", "zh-CN")


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("*", "en"),
        ("zh", "zh-CN"),
        ("zh-CN", "zh-CN"),
        ("ZH-hans-cn", "zh-CN"),
        ("zh_CN", "en"),
        ("de-AT, en;q=0.5", "de"),
        ("fr, en;q=0.5, de;q=0.7", "de"),
        ("en;q=0.4,zh-Hans;q=0.8 , de ; q=0.6", "zh-CN"),
        ("de;q=0, zh;q=0.001", "zh-CN"),
        ("de;q=0.8, zh;q=0.8", "de"),
        ("en-GB, zh;q=0.9", "en"),
        ("fr, it;q=0.9", "en"),
        ("de;q=2, zh;q=0.1", "zh-CN"),
        ("de;level=1, zh;q=x, ;;, zh;q=0.1", "zh-CN"),
        ("zh-Hans-CN-x-" + "a-" * 400 + "b", "zh-CN"),
        (", ".join(["de" + "-a" * 4000] * 100), "de"),
    ],
)
def test_the_language_is_the_one_that_is_wanted_most(header: str | None, language: str) -> None:
    assert best_language(header) == language


@pytest.mark.parametrize(
    ("environ", "language"),
    [
        ({}, "en"),
        ({"LANG": "zh_CN.UTF-8"}, "zh-CN"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "de_AT"}, "de"),
        ({"LANG": "zh_CN.UTF-8", "LC_MESSAGES": "de_AT", "LC_ALL": "C.UTF-8"}, "en"),
        ({"LANG": "de_DE@euro", "LC_ALL": ""}, "de"),
        ({"LC_ALL": "POSIX", "LANG": "de_DE"}, "en"),
    ],
)
def test_a_locale_names_a_language(environ: dict[str, str], language: str) -> None:
    assert locale_language(environ) == language


def test_a_language_without_a_catalogue_is_none() -> None:
    assert (find_language("xx"), find_language(""), find_language("zh-TW")) == (None, None, "zh-CN")


def test_a_catalogue_tells_all_forms() -> None:
    german = catalogue("de")
    assert german is not None
    forms = german.forms()
    assert forms["{n} row is {what}"] == ("{n} Zeile ist {what}", "{n} Zeilen sind {what}; genannt ist die erste")
    assert (forms["fill in the cell"], "" in forms) == (("die Zelle ausfüllen",), False)


def test_nothing_is_loaded_before_somebody_asks() -> None:
    """And Babel, which writes the catalogues, is nowhere in what runs."""
    program = (
        "import sys, daemon.service, daemon.cli.main, ingest.parse\n"
        "from ingest.languages import best_language, catalogue, in_language\n"
        f"said = in_language({str(say('the cell is empty'))!r}, best_language('fr, en;q=0.5'))\n"
        "print(said, catalogue.cache_info().misses - 1, 'babel' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "the cell is empty 0 False\n"
