"""The literals of a script, each with the place it stands at: reads as much of JavaScript as the page is written in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

TOKEN = re.compile(
    r"""\s*(?:
    (?P<comment>//[^\n]*|/\*.*?\*/)
    |(?P<string>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')
    |(?P<template>`)
    |(?P<name>[\w$#]+)
    |(?P<operator>===|!==|=>|.)
    )""",
    re.VERBOSE | re.DOTALL,
)
PATTERN = re.compile(r"/(?:\\.|\[(?:\\.|[^\]\\])*\]|[^/\\\n])+/\w*")
KEY = re.compile(r"\s*:")
BEFORE_A_VALUE = {"(", ",", "=", ":", "?", "[", "{", "}", ";", "!", "&", "|", "=>", "return", ""}
"""A slash behind one of these begins a regular expression, behind anything else it divides."""
OPEN, CLOSE = "([{", ")]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Literal:
    """One text of a string or a template: in whose call it stands, as which argument, and as the value of which key.

    One that is compared with something, or is a key itself, is a name.
    """

    text: str
    call: str
    argument: int
    key: str
    is_name: bool


def literals(source: str, around: tuple[str, int, str] = ("", 0, "")) -> Iterator[Literal]:
    """Yield the literals of a script; of a template the texts around its values, and the literals of these.

    What stands in a value stands where its template does: `around` is call, argument and key of that.
    """
    calls: list[tuple[str, int]] = []
    before = ["", ""]
    place = 0
    while found := TOKEN.match(source, place):
        kind, mark, place = str(found.lastgroup), found[str(found.lastgroup)], found.end()
        if kind == "comment":
            continue
        if mark == "/" and before[-1] in BEFORE_A_VALUE and (pattern := PATTERN.match(source, place - 1)):
            mark, place = "0", pattern.end()
        elif kind in {"string", "template"}:
            texts, values, place = ([mark[1:-1]], [], place) if kind == "string" else _template(source, place)
            call, argument = calls[-1] if calls else around[:2]
            named = before[0].strip("\"'") if before[-1] == ":" else ""
            key = named or ("" if calls else around[2])
            is_key = before[-1] in {"{", ","} and KEY.match(source, place) is not None
            for text in texts:
                is_name = is_key or before[-1] in {"===", "!=="}
                yield Literal(text=text, call=call, argument=argument, key=key, is_name=is_name)
            for value in values:
                yield from literals(value, (call, argument, key))
        elif mark in OPEN:
            calls.append((before[-1] if mark == "(" else mark, 0))
        elif mark in CLOSE and calls:
            calls.pop()
        elif mark == "," and calls:
            calls[-1] = (calls[-1][0], calls[-1][1] + 1)
        before = [before[-1], mark]


def _template(source: str, place: int) -> tuple[list[str], list[str], int]:
    """Return the texts and the values of a template from behind its first accent on, and where it ends."""
    texts, values = [""], []
    while source[place] != "`":
        if source.startswith("${", place):
            end = _end_of_value(source, place + 2)
            values.append(source[place + 2 : end])
            texts.append("")
            place = end + 1
        else:
            step = 2 if source[place] == "\\" else 1
            texts[-1] += source[place : place + step]
            place += step
    return texts, values, place + 1


def _end_of_value(source: str, place: int) -> int:
    depth = 0
    while found := TOKEN.match(source, place):
        mark, place = found[str(found.lastgroup)], found.end()
        if found.lastgroup == "template":
            place = _template(source, place)[2]
        elif mark == "{":
            depth += 1
        elif mark == "}":
            if not depth:
                return place - 1
            depth -= 1
    raise AssertionError("a template ends within a value")
