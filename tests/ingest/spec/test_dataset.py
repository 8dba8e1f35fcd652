"""What identifies a dataset's rules, and what does not."""

import pytest

from ingest.spec.dataset_file import parse_dataset
from ingest.spec.yaml_document import DocumentError

PLAIN = "dataset: orders\nfields:\n  - {name: no, type: string}\nload: {table: orders}\n"


def test_how_fresh_a_dataset_must_be_changes_nothing_in_its_rows() -> None:
    plain, fresh = parse_dataset(PLAIN, "a.yml"), parse_dataset(PLAIN + "freshness_seconds: 3600\n", "b.yml")
    assert (plain.freshness_seconds, fresh.freshness_seconds) == (None, 3600)
    assert plain.digest == fresh.digest
    assert plain.digest != parse_dataset(PLAIN + "version: 2\n", "c.yml").digest


@pytest.mark.parametrize(
    ("form", "reason"),
    [("%d.%m.%Y %d", "has a part twice"), ("%q", "is a bad directive"), ("%d %", "stray %")],
)
def test_a_form_of_dates_that_nothing_can_have_is_refused(form: str, reason: str) -> None:
    text = f'dataset: d\nfields: [{{name: on, type: date, format: ["{form}"]}}]\nload: {{table: t}}\n'
    with pytest.raises(DocumentError) as refused:
        parse_dataset(text, "d.yml")
    assert reason in str(refused.value.problems)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("required: true", "fields[0].required: unknown key; write it below constraints"),
        ("minimum: 3", "fields[0].minimum: unknown key; write it below constraints"),
        ("tpye: integer", "fields[0].tpye: unknown key; did you mean type?"),
        # It is no key of its own: it stands in the type's own text.
        ("precision: 3", "fields[0].precision: unknown key; remove it"),
        ("type: decimal(12,2)", "fields[0].type: 'decimal(12' is cut at its comma; put the type in quotes"),
        ("type: date, format: DD.MM.YYYY", "DD.MM.YYYY has none of the signs of strptime; write a form as %d.%m.%Y"),
    ],
)
def test_a_slip_in_a_field_is_told_with_what_was_meant(wrong: str, told: str) -> None:
    kind = "" if "type: " in wrong else "type: integer, "
    with pytest.raises(DocumentError) as refused:
        parse_dataset(f"dataset: d\nfields:\n  - {{name: no, {kind}{wrong}}}\nload: {{table: t}}\n", "d.yml")
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("wrong", "below"),
    [
        ("glob: x", "match"),
        ("min_rows: 3", "expect"),
        ("max_rows: 3", "quarantine"),
        ("mode: upsert", "header or load"),
        ("table: x", "load"),
    ],
)
def test_a_key_in_the_wrong_section_is_told_with_the_right_one(wrong: str, below: str) -> None:
    with pytest.raises(DocumentError) as refused:
        parse_dataset(f"{PLAIN}{wrong}\n", "d.yml")
    assert str(refused.value).endswith(f"unknown key; write it below {below}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (PLAIN.replace("table: orders", 'table: "a\\0b"'), "d.yml:4: load.table: U+0000 (NUL) stands in it"),
        (PLAIN.replace("name: no", 'name: "n\\0"'), "d.yml:3: fields[0].name: U+0000 (NUL) stands in it"),
        (PLAIN.replace("orders}", 'orders, set: {"a\\x00": 1}}'), "d.yml:4: load.set.a\0: U+0000 (NUL) stands in it"),
        (PLAIN + 'mappings:\n  - titles: [a, "b\\u0000"]\n', "d.yml:6: mappings[0].titles[1]: U+0000 (NUL)"),
    ],
)
def test_a_nul_is_told_where_it_stands(text: str, told: str) -> None:
    with pytest.raises(DocumentError) as refused:
        parse_dataset(text, "d.yml")
    assert told in str(refused.value)
