"""What identifies a dataset's rules, and what does not."""

from ingest.spec.dataset_file import parse_dataset

PLAIN = "dataset: orders\nfields:\n  - {name: no, type: string}\nload: {table: orders}\n"


def test_how_fresh_a_dataset_must_be_changes_nothing_in_its_rows() -> None:
    plain, fresh = parse_dataset(PLAIN, "a.yml"), parse_dataset(PLAIN + "freshness_seconds: 3600\n", "b.yml")
    assert (plain.freshness_seconds, fresh.freshness_seconds) == (None, 3600)
    assert plain.digest == fresh.digest
    assert plain.digest != parse_dataset(PLAIN + "version: 2\n", "c.yml").digest
