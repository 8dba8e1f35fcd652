"""YAML documents that remember their lines: owns how a bad key is reported with file, line, reason and remedy."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import yaml

from .wording import keys_at, reason_and_remedy, sections_with

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

Location = tuple[str | int, ...]

NODES_MAX: Final = 200_000
"""More nodes, counted after aliases are followed, are no document that a person wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a configuration or dataset file, and what to do about it."""

    file: str
    line: int | None
    key: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        """Render as `file:line: key: reason; remedy`, the form editors and people can follow."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.key, f"{self.reason}; {self.remedy}") if part)


class DocumentError(Exception):
    """The file cannot be used as it is."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[Problem, ...]]]:
        """Survive pickling: the constructor takes problems, not the message."""
        return type(self), (self.problems,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A mapping read from YAML; `lines` has the 1-based line of every key and list item by its location."""

    source: str
    data: Mapping[str, Any]
    lines: Mapping[Location, int]

    def line_of(self, location: Location) -> int | None:
        """Return the line of the location, or of the nearest thing around it that the document has."""
        for end in range(len(location), 0, -1):
            if (line := self.lines.get(location[:end])) is not None:
                return line
        return 1 if self.lines else None

    def covers(self, location: Location) -> bool:
        """Say whether there is something at the location."""
        return location in self.lines

    def problem(self, location: Location, reason: str, remedy: str) -> Problem:
        """Return a problem with the place of the location."""
        return Problem(
            file=self.source,
            line=self.line_of(location),
            key=key_path(location),
            reason=reason,
            remedy=remedy,
        )


def key_path(location: Location) -> str:
    """Render a location as people write it: `intake.folders[0].path`."""
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def read_yaml(path: Path) -> Document:
    """Read a YAML file.

    Raises:
        DocumentError: the file cannot be read, or its text is wrong, with every problem.

    """
    try:
        content = path.read_bytes()
    except OSError as error:
        remedy = "name a readable YAML file"
        raise DocumentError([_problem(str(path), None, error.strerror or str(error), remedy)]) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        reason = f"byte 0x{content[error.start]:02x} is not UTF-8"
        raise DocumentError([_problem(str(path), line, reason, "save the file as UTF-8")]) from error
    return parse_yaml(text, str(path))


def parse_yaml(text: str, source: str) -> Document:
    """Read YAML text, by the rules of YAML 1.2: `no` and `12:30` are texts, `007` keeps its zeros.

    Raises:
        DocumentError: the text is no mapping of keys to values, or a key is there twice, with every problem.

    """
    try:
        loader = _Loader(text)
        reader = _Reader(loader, source)
        node = loader.get_single_node()
        data = None if node is None else reader.read(node, ())
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        reason = f"character U+{ord(text[error.position]):04X} cannot stand in YAML"
        raise DocumentError([_problem(source, line, reason, "remove it")]) from error
    except yaml.MarkedYAMLError as error:
        raise DocumentError([_syntax_problem(error, source)]) from error
    except RecursionError as error:
        raise DocumentError([_problem(source, None, "nested too deeply", "write it flatter")]) from error
    if data is None:
        data = {}
    if not isinstance(data, dict):
        reason = f"expected keys with values, found {_kind(data)}"
        reader.problems.append(_problem(source, 1, reason, "write `key: value` lines"))
    if reader.problems:
        raise DocumentError(reader.problems)
    return Document(source=source, data=data, lines=reader.lines)


def problems_of(
    error: ValidationError, document: Document, model: type[BaseModel] | None = None
) -> tuple[Problem, ...]:
    """Say what pydantic found in the words of the document, in the order of its lines.

    With the model that was validated, an unknown key is answered with the key that was probably meant.
    """
    details = error.errors()
    places = {detail["loc"][:end] for detail in details for end in range(len(detail["loc"]))}
    found = [
        _problem_of(detail, document, model)
        for detail in details
        # A list is called too short when its items are wrong: those are told already.
        if not (detail["type"] == "too_short" and detail["loc"] in places)
    ]
    return tuple(sorted(dict.fromkeys(found), key=lambda problem: problem.line or 0))


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return the remedy for an unknown name: the known one that it resembles, or all of them."""
    names = sorted(known)
    if close := difflib.get_close_matches(word.lower(), names, n=1):
        return f"did you mean {close[0]}?"
    return f"remove it; known here: {', '.join(names)}" if names else "remove it"


def _problem_of(detail: ErrorDetails, document: Document, model: type[BaseModel] | None) -> Problem:
    location: Location = tuple(detail["loc"])
    if detail["type"] == "extra_forbidden":
        return document.problem(location, "unknown key", _where_meant(location, document, model))
    if detail["type"] != "missing":
        # Pydantic appends names of its own, such as the branch of a union, that nobody wrote.
        while location and not document.covers(location):
            location = location[:-1]
    reason, remedy = reason_and_remedy(detail)
    return document.problem(location, reason, remedy)


def _where_meant(location: Location, document: Document, model: type[BaseModel] | None) -> str:
    """Return the remedy for an unknown key: the section that has it, else the key that it resembles."""
    if model is None:
        return suggestion(str(location[-1]), ())
    around, key = location[:-1], str(location[-1])
    sections = [
        section
        for section, needed in sections_with(model, around, key).items()
        if all(document.covers((*around, section, name)) for name in needed)
    ]
    return f"write it below {' or '.join(sections)}" if sections else suggestion(key, keys_at(model, around))


def _problem(source: str, line: int | None, reason: str, remedy: str) -> Problem:
    return Problem(file=source, line=line, key="", reason=reason, remedy=remedy)


def _syntax_problem(error: yaml.MarkedYAMLError, source: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    reason = " ".join(part for part in (error.context, error.problem) if part)
    if reason.startswith("could not determine a constructor for the tag"):
        return _problem(source, mark.line + 1 if mark else None, "a tag (!...) has no meaning here", "remove the tag")
    column = f" (column {mark.column + 1})" if mark else ""
    remedy = "correct the YAML: indentation, quotes, brackets and tabs are the usual causes"
    return _problem(source, mark.line + 1 if mark else None, f"not YAML: {reason}{column}", remedy)


def _kind(value: object) -> str:
    return "a list" if isinstance(value, list) else json.dumps(value, ensure_ascii=False, default=str)[:60]


# -- reading ------------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """PyYAML with the scalars of YAML 1.2's core schema instead of 1.1's."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  # filled by add_implicit_resolver below, as PyYAML's own are


_TAG: Final = "tag:yaml.org,2002:"
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NUMBER: Final = r"[-+]?(?:0|[1-9][0-9]*)"

IMPLICIT: Final = tuple(
    (_TAG + tag, re.compile(f"(?:{pattern})\\Z"), first)
    for tag, pattern, first in (
        ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
        ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
        ("int", rf"{_NUMBER}|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
        ("float", rf"{_NUMBER}\.[0-9]*(?:[eE][-+]?[0-9]+)?|{_NUMBER}[eE][-+]?[0-9]+", list("-+0123456789")),
        ("float", r"[-+]?\.[0-9]+(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)", list("-+.")),
        ("merge", "<<", ["<"]),
    )
)
"""Tag, form and first characters of the scalars that are no texts without quotes."""

for _rule in IMPLICIT:
    _Loader.add_implicit_resolver(*_rule)

_Loader.add_constructor(_TAG + "int", lambda _, node: int(node.value, 0))


class _Reader:
    """Turns nodes into plain values and notes the line of each, and what is wrong with it."""

    def __init__(self, loader: _Loader, source: str) -> None:
        self._loader, self._source = loader, source
        self._nodes = 0
        self.lines: dict[Location, int] = {}
        self.problems: list[Problem] = []

    def read(self, node: yaml.Node, location: Location) -> Any:
        self._nodes += 1
        if self._nodes > NODES_MAX:
            raise yaml.MarkedYAMLError(problem=f"more than {NODES_MAX} values", problem_mark=node.start_mark)
        if isinstance(node, yaml.MappingNode) and node.tag == _TAG + "map":
            return self._mapping(node, location)
        if isinstance(node, yaml.SequenceNode) and node.tag == _TAG + "seq":
            return [self._item(item, (*location, index)) for index, item in enumerate(node.value)]
        return self._scalar(node)

    def _item(self, node: yaml.Node, location: Location) -> Any:
        self.lines[location] = node.start_mark.line + 1
        return self.read(node, location)

    def _scalar(self, node: yaml.Node) -> Any:
        try:
            value = self._loader.construct_object(node)
        except ValueError as error:
            raise yaml.MarkedYAMLError(problem=str(error), problem_mark=node.start_mark) from error
        # An escape such as "\ud800" makes one; no file name, database or answer could take it.
        if isinstance(value, str) and (half := _SURROGATE.search(value)):
            reason = f"U+{ord(half[0]):04X} is half of a character"
            self._note(node.start_mark.line + 1, (), reason, "write the whole character, or remove it")
        return value

    def _mapping(self, node: yaml.MappingNode, location: Location) -> dict[str, Any]:
        self._check_keys(node, location)
        # After this, what `<<` brings in stands first, so that the mapping's own keys win.
        self._loader.flatten_mapping(node)
        values: dict[str, Any] = {}
        for key, value in node.value:
            if isinstance(name := self._name(key), str):
                self.lines[(*location, name)] = key.start_mark.line + 1
                values[name] = self.read(value, (*location, name))
        return values

    def _check_keys(self, node: yaml.MappingNode, location: Location) -> None:
        first: dict[str, int] = {}
        for key, _ in node.value:
            name, line = self._name(key), key.start_mark.line + 1
            if not isinstance(name, str):
                self._note(line, location, "a key must be a text", "put it in quotes")
            elif name in first:
                reason = f"key is there twice, first in line {first[name]}"
                self._note(line, (*location, name), reason, "keep one of them")
            else:
                first[name] = line

    def _name(self, key: yaml.Node) -> Any:
        if key.tag == _TAG + "merge":
            return key.value
        return self._scalar(key) if isinstance(key, yaml.ScalarNode) else None

    def _note(self, line: int, location: Location, reason: str, remedy: str) -> None:
        problem = Problem(file=self._source, line=line, key=key_path(location), reason=reason, remedy=remedy)
        if problem not in self.problems:  # keys are looked at twice
            self.problems.append(problem)
