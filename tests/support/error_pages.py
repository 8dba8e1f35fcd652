"""The pages of error codes beside the catalogue of codes: owns what of a section stands there, severity and remedy.

Run by `make docs`, which writes both anew in the language of each page; cause and example are written by hand.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from documents import ROOT, language

from ingest.errors import CATALOGUE
from ingest.languages import ENGLISH, in_language

SECTION: Final = re.compile(
    r"^### `(?P<code>[a-z_.]+)`\n\n\w+(?P<cause>[.。].+)\n\n(?P<example>- .+)\n(?P<label>- \w+(?:: |：)).+$",
    re.MULTILINE,
)
SEVERITIES: Final = {
    ENGLISH: {"error": "Error", "warning": "Warning", "info": "Info"},
    "zh-CN": {"error": "错误", "warning": "警告", "info": "提示"},
}


def error_pages() -> list[Path]:
    """Return the page of each language, English first."""
    return [ROOT / "docs" / "errors.md", *sorted(ROOT.glob("docs/*/errors.md"))]


def codes(page: Path) -> tuple[str, ...]:
    """Return the codes that have a whole section on the page, in order."""
    return tuple(found["code"] for found in SECTION.finditer(page.read_text(encoding="utf-8")))


def brought_up_to_date(page: Path) -> str:
    """Return the page with the severity and the remedy of each code as the catalogue has them."""
    tongue = language(page) or ENGLISH

    def section(found: re.Match[str]) -> str:
        entry = CATALOGUE.get(found["code"])
        if entry is None:
            return found[0]
        severity, remedy = SEVERITIES[tongue][entry.severity], in_language(entry.hint, tongue)
        return f"### `{found['code']}`\n\n{severity}{found['cause']}\n\n{found['example']}\n{found['label']}{remedy}"

    return SECTION.sub(section, page.read_text(encoding="utf-8"))


if __name__ == "__main__":
    for written in error_pages():
        written.write_text(brought_up_to_date(written), encoding="utf-8")
