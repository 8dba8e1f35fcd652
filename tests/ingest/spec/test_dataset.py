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
