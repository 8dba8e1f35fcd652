"""Folders and mailboxes that stay until a restart, and the datasets that a reload takes over at once."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.config.intake_settings import IntakeSettings
from daemon.config.left_behind import left_behind
from ingest.spec.dataset import Dataset

MAILBOX = {
    "name": "office",
    "host": "localhost",
    "user": "office",
    "password_file": "/nowhere",
    "senders": "@example.com",
    "reply": "off",
}


def _dataset(name: str, glob: str | None = None) -> Dataset:
    match = {} if glob is None else {"match": {"glob": glob}}
    fields = [{"name": "k", "type": "string", "header": "k"}]
    return Dataset.model_validate({"dataset": name, "fields": fields, "load": {"table": name}, **match})


def _told(datasets: list[Dataset], **intake: Any) -> list[str]:
    return [str(problem) for problem in left_behind(IntakeSettings.model_validate(intake), datasets)]


@pytest.mark.parametrize(
    ("intake", "key"),
    [
        ({"folders": [{"path": "/in", "dataset": "orders"}]}, "intake.folders: watched folder /in goes on"),
        ({"mailboxes": [{**MAILBOX, "dataset": "orders"}]}, "intake.mailboxes: mailbox office goes on"),
        (
            {"mailboxes": [{**MAILBOX, "rules": [{"subject": "*", "dataset": "orders"}]}]},
            "intake.mailboxes: mailbox office goes on",
        ),
    ],
)
def test_a_named_dataset_must_be_there(intake: dict[str, Any], key: str) -> None:
    (told,) = _told([_dataset("sales", "*")], **intake)
    assert told.startswith(key)
    assert "there would be no dataset orders" in told
    assert told.endswith("; restart the daemon to take both over at once, or keep the dataset until then")
    assert _told([_dataset("sales"), _dataset("orders")], **intake) == []


def test_where_none_is_named_one_must_take_files_by_their_names() -> None:
    (told,) = _told([_dataset("orders")], folders="/in")
    assert "no dataset would have a match.glob" in told
    assert _told([_dataset("orders", "orders*")], folders="/in") == []
