"""YAML with lines: what is read, what is refused, and where problems are said to be."""

import pickle
from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ingest.spec.yaml_document import Document, DocumentError, Problem, key_path, parse_yaml, problems_of, read_yaml


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    size: int | None = Field(default=None, alias="sizeMb")


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")
    parts: tuple[Part, ...] = Field(default=(), min_length=1)
    first: Part | None = None


def problems(text: str) -> list[str]:
    document = parse_yaml(text, "w.yml")
    with pytest.raises(ValidationError) as caught:
        Whole.model_validate(document.data)
    return [str(problem) for problem in problems_of(caught.value, document, Whole)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("NO", "NO"),
        ("yes", "yes"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2024-01-01", "2024-01-01"),
        ("007", "007"),
        ("1_000", "1_000"),
        ("123456789012345678", 123456789012345678),
        ("-5", -5),
        ("0x1f", 31),
        ("0o17", 15),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("-.5", -0.5),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("'7'", "7"),
        ("[1, a]", [1, "a"]),
        ("订单号", "订单号"),
    ],
)
def test_scalars_are_read_by_the_rules_of_yaml_1_2(text: str, value: object) -> None:
    read = parse_yaml(f"key: {text}", "x").data["key"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize("text", ["", "# nothing", "~", "---\n"])
def test_nothing_is_an_empty_mapping(text: str) -> None:
    assert parse_yaml(text, "x").data == {}


def test_lines_are_those_of_keys_and_items() -> None:
    document = parse_yaml("a: 1\n\nb:\n  - x: 1\n    y: 2\n  -\n    x: 3\n", "x")
    assert document.lines == {
        ("a",): 1,
        ("b",): 3,
        ("b", 0): 4,
        ("b", 0, "x"): 4,
        ("b", 0, "y"): 5,
        ("b", 1): 7,
        ("b", 1, "x"): 7,
    }
    assert document.line_of(("b", 1, "missing")) == 7


def test_merged_keys_give_way_to_own_ones() -> None:
    data = parse_yaml("a: &a {x: 1, y: 1}\nb: {<<: *a, y: 2}", "x").data
    assert data["b"] == {"x": 1, "y": 2}


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a: 1\nb: 2\na: 3", "x:3: a: key is there twice, first in line 1"),
        ("a: [1", "x:1: not YAML"),
        ("a: 1\n  b: 2", "x:2: not YAML"),
        ("a: *nowhere", "x:1: not YAML"),
        ("a: &a [*a]", "x: nested too deeply"),
        ("[" * 3000, "x: nested too deeply"),
        ("a: !thing {b: 1}", "x:1: a tag (!...) has no meaning here"),
        ("a: !!int abc", "x:1: not YAML"),
        ("just text", 'x:1: expected keys with values, found "just text"'),
        ("a: 1\n2: 3", "x:2: a key must be a text"),
    ],
)
def test_what_cannot_be_read_is_a_problem_with_its_line(text: str, place: str) -> None:
    with pytest.raises(DocumentError) as caught:
        parse_yaml(text, "x")
    assert str(caught.value).startswith(place)


def test_aliases_cannot_multiply_without_bound() -> None:
    lines = ["a0: &a0 [1,1,1,1,1,1,1,1,1,1]"]
    lines += [f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    with pytest.raises(DocumentError, match="more than 200000 values"):
        parse_yaml("\n".join(lines), "x")


def test_an_unknown_key_is_answered_with_the_one_that_was_meant() -> None:
    assert problems("parts:\n  - name: a\n    sizMb: 1") == [
        "w.yml:3: parts[0].sizMb: unknown key; did you mean sizeMb?"
    ]
    assert problems("parts: [{name: a}]\nfirst: {name: b, nmae: c}") == [
        "w.yml:2: first.nmae: unknown key; did you mean name?"
    ]
    assert problems("parts: [{name: a}]\nzzz: 1") == ["w.yml:2: zzz: unknown key; remove it; known here: first, parts"]


def test_problems_come_in_the_order_of_the_lines_and_not_twice() -> None:
    assert problems("first:\n  sizeMb: x\nparts:\n  - name: [1]\n") == [
        "w.yml:1: first.name: required, but missing; add it",
        'w.yml:2: first.sizeMb: "x" should be a valid integer; write a whole number',
        (
            "w.yml:4: parts[0].name: a list should be a valid string; "
            "write a text; put it in quotes if it looks like a number"
        ),
    ]


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_bytes("\ufeffa: 1\n".encode())
    assert read_yaml(path) == Document(source=str(path), data={"a": 1}, lines={("a",): 1})


@pytest.mark.parametrize("content", [None, b"a: \xb6\xa9"])
def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.yml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DocumentError) as caught:
        read_yaml(path)
    assert str(caught.value).startswith(str(path))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="Is a directory"):
        read_yaml(tmp_path)


def test_key_path() -> None:
    assert key_path(("a", 0, "b", "c")) == "a[0].b.c"


def test_the_error_survives_pickling() -> None:
    error = DocumentError([Problem(file="f", line=1, key="k", reason="r", remedy="m")])
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  # our own bytes
    assert copy.problems == error.problems
    assert str(copy) == "f:1: k: r; m"
