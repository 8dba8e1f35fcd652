"""Every message is there in every language, with the values it has in English, and .mo is what its .po says."""

from __future__ import annotations

import io
from gettext import GNUTranslations
from pathlib import Path

import pytest
from catalogues import catalogues, extracted, ids, mo_bytes, po_bytes, untranslated, updated, written

from ingest.languages import find_language

REMEDY = "run `make messages`, then translate what it lists"


pytestmark = pytest.mark.parametrize("path", catalogues().values(), ids=[*catalogues()])


def test_no_message_is_missing_doubtful_or_left_over(path: Path) -> None:
    there, source = written(path), extracted()
    said = {ids(message) for message in source if message.id}
    assert {ids(message) for message in there if message.id} == said, REMEDY
    assert not [message.id for message in there if message.id and message.fuzzy]
    assert not there.obsolete
    assert not untranslated(there), REMEDY


def test_a_catalogue_is_as_make_messages_writes_it(path: Path) -> None:
    assert path.read_bytes() == po_bytes(updated(path, extracted())), REMEDY


def test_what_is_read_at_run_time_is_what_the_catalogue_says(path: Path) -> None:
    assert _texts(path.with_suffix(".mo").read_bytes()) == _texts(mo_bytes(written(path))), REMEDY
    assert find_language(path.stem) == path.stem.replace("_", "-")


def _texts(mo: bytes) -> dict[object, str]:
    found: dict[object, str] = vars(GNUTranslations(io.BytesIO(mo)))["_catalog"]
    return found
