"""The catalogues of messages beside what they are made from: owns how the source is read. Run by `make messages`."""

from __future__ import annotations

import ast
import io
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import alert_mails
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from import_graph import ROOT

LOCALE: Final = ROOT / "ingest" / "locale"
DOMAIN: Final = "headgate"
PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_LINE_WIDTH: Final = 0  # a message is a line, however long: branches that add some merge


Found = tuple[int, str, Any, list[str]]
"""What an extractor of Babel yields: line, function, its arguments, comments."""


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
        method="catalogues:calls",
        keywords={"say": None, "say_n": (1, 2), "_error": None, "_warning": None, "_info": None},
    ),
    Speaking(files="daemon/errors.py", method="catalogues:docstrings", keywords={}),
    Speaking(
        files="daemon/api/page/static/*.js", method="javascript", keywords={"t": None, "tn": (1, 2), "parts": None}
    ),
    Speaking(files="daemon/api/page/static/*.html", method="jinja2", keywords={"t": None}),
    Speaking(files="alerts/templates/headgate.tmpl", method="alert_mails:words", keywords={}),
    Speaking(files="alerts/rules/*.yml", method="alert_mails:rules", keywords={}),
)
"""All the source that says something; `_error`, `_warning` and `_info` are those of the catalogue of errors."""


def calls(file: IO[bytes], keywords: Mapping[str, Any], *_: object, **__: object) -> Iterator[Found]:
    """Yield the messages that functions are given in a module, as an extractor of Babel.

    Babel's own tells of every f-string among the values.
    """
    for node in ast.walk(ast.parse(file.read())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in keywords:
            texts = [one.value if isinstance(one, ast.Constant) else None for one in node.args]
            if texts and texts[0] is not None:
                yield node.lineno, node.func.id, texts if len(texts) > 1 else texts[0], []


def docstrings(file: IO[bytes], *_: object, **__: object) -> Iterator[Found]:
    """Yield the docstrings of the classes of a module, as an extractor of Babel: those of errors are their messages."""
    for node in ast.parse(file.read()).body:
        if isinstance(node, ast.ClassDef) and (text := ast.get_docstring(node)) is not None:
            yield node.lineno, "", text, []


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


class _Compiled(Catalog):
    """A catalogue that has the same header whenever and by whichever tool it is written."""

    def _get_mime_headers(self) -> list[tuple[str, str]]:
        return [(name, value) for name, _, value in (line.partition(": ") for line in _header(self).splitlines())]

    mime_headers = property(_get_mime_headers, Catalog._set_mime_headers)


def mo_bytes(catalog: Catalog) -> bytes:
    """Return a catalogue as its .mo file is written."""
    made = _Compiled(locale=catalog.locale, domain=DOMAIN)
    for message in catalog:
        if message.id:
            made.add(message.id, message.string)
    file = io.BytesIO()
    write_mo(file, made)
    return file.getvalue()


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
    alert_mails.write()
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
