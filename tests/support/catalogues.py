"""The catalogues of messages beside what they are made from: owns how the source is read. Run by `make messages`."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from import_graph import ROOT

LOCALE: Final = ROOT / "ingest" / "locale"
DOMAIN: Final = "headgate"
PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_LINE_WIDTH: Final = 0  # a message is a line, however long: branches that add some merge


@dataclass(frozen=True, slots=True, kw_only=True)
class Speaking:
    """Files whose words are for people, how they are read, and the functions that are given messages there.

    A function is followed by the places of singular and plural; None where its first argument is the message.
    """

    files: str
    method: str
    keywords: Mapping[str, tuple[int, ...] | None]


SPEAKING: Final = (
    Speaking(
        files="{daemon,ingest}/**/*.py",
        method="python",
        keywords={"say": None, "say_n": (1, 2), "_error": None, "_warning": None, "_info": None},
    ),
    Speaking(
        files="daemon/api/page/static/*.js", method="javascript", keywords={"t": None, "tn": (1, 2), "parts": None}
    ),
    Speaking(files="daemon/api/page/static/*.html", method="jinja2", keywords={"t": None}),
)
"""All the source that says something; `_error`, `_warning` and `_info` are those of the catalogue of errors."""


def extracted() -> Catalog:
    """Return a catalogue of what the source says now, sorted, each message with the files that say it."""
    found = Catalog(domain=DOMAIN)
    for speaking in SPEAKING:
        for path in _files(speaking.files):
            with path.open("rb") as file:
                for _, ids, _, _ in extract(speaking.method, file, speaking.keywords):
                    found.add(ids, locations=[(path.relative_to(ROOT).as_posix(), 0)])
    for message in found:
        message.locations = sorted({*message.locations})
    return found


def _files(pattern: str) -> Iterator[Path]:
    folders = re.fullmatch(r"\{(.+?)\}(.+)", pattern)
    patterns = [f"{folder}{folders[2]}" for folder in folders[1].split(",")] if folders else [pattern]
    for one in patterns:
        yield from sorted(ROOT.glob(one))


def catalogues() -> dict[str, Path]:
    """Return the .po file of each language by its name there."""
    return {path.stem: path for path in sorted(LOCALE.glob("*.po"))}


def written(path: Path) -> Catalog:
    """Return what a .po file holds, messages that the source has no more among them."""
    with path.open("rb") as file:
        return read_po(file, locale=path.stem, domain=DOMAIN)


def updated(path: Path, source: Catalog) -> Catalog:
    """Return the catalogue of a .po file with the messages of the source, those that are new without a translation."""
    old, new = written(path), Catalog(locale=path.stem, domain=DOMAIN)
    for message in source:
        if message.id:
            kept = old.get(message.id)
            string = kept.string if kept is not None and not kept.fuzzy else None
            new.add(message.id, string, locations=message.locations)
    return new


def po_bytes(catalog: Catalog) -> bytes:
    """Return a catalogue as its .po file is written: sorted, without lines, dates and tools, which differ by branch."""
    body = io.BytesIO()
    write_po(body, catalog, width=_LINE_WIDTH, sort_output=True, include_lineno=False, omit_header=True)
    return f'msgid ""\nmsgstr ""\n{_header(catalog, quoted=True)}\n'.encode() + body.getvalue()


def mo_bytes(catalog: Catalog) -> bytes:
    """Return a catalogue as its .mo file is written."""
    made = Catalog(locale=catalog.locale, domain=DOMAIN)
    made.mime_headers = [(name, value) for name, _, value in map(_parted, _header(catalog).splitlines())]
    for message in catalog:
        if message.id:
            made.add(message.id, message.string)
    file = io.BytesIO()
    write_mo(file, made)
    return file.getvalue()


def _parted(line: str) -> tuple[str, str, str]:
    return line.partition(": ")


def _header(catalog: Catalog, *, quoted: bool = False) -> str:
    lines = (
        f"Language: {catalog.locale_identifier}",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        f"Plural-Forms: {catalog.plural_forms}",
    )
    return "".join(f'"{line}\\n"\n' if quoted else f"{line}\n" for line in lines)


def untranslated(catalog: Catalog) -> list[str]:
    """Return the messages without a translation, or with one that has other placeholders than they have."""
    return [ids(message)[0] for message in catalog if message.id and not _is_translated(message)]


def ids(message: Message) -> tuple[str, ...]:
    """Return the English of a message: one text, or singular and plural."""
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


def _is_translated(message: Message) -> bool:
    strings = (message.string,) if isinstance(message.string, str) else tuple(message.string or ("",))
    named = {name for text in ids(message) for name in PLACEHOLDER.findall(text)}
    every = {*PLACEHOLDER.findall(ids(message)[-1])}
    # "1 row" may leave the number out, in whichever language; many may not.
    return (
        all(strings)
        and {*PLACEHOLDER.findall(strings[-1])} == every
        and all({*PLACEHOLDER.findall(text)} <= named for text in strings)
    )


def main() -> int:
    """Write every catalogue anew and say what is left to translate."""
    source, left = extracted(), 0
    for name, path in catalogues().items():
        catalog = updated(path, source)
        path.write_bytes(po_bytes(catalog))
        path.with_suffix(".mo").write_bytes(mo_bytes(catalog))
        missing = untranslated(catalog)
        left += len(missing)
        sys.stdout.writelines(f"{name}: {text!r}\n" for text in missing)
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
