"""What a reload's datasets would leave behind: folders and mailboxes that stay as they are until a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.spec.yaml_document import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingest.spec.dataset import Dataset

    from .intake_settings import IntakeSettings

_REMEDY: Final = "restart the daemon to take both over at once, or keep the dataset until then"


def left_behind(intake: IntakeSettings, datasets: Sequence[Dataset]) -> Iterator[Problem]:
    """Yield each folder and mailbox in force whose files none of the datasets would take: they would be refused."""
    names = {dataset.dataset for dataset in datasets}
    matched = any(dataset.match.glob for dataset in datasets)
    for place, what, named in _takers(intake):
        reason = None
        if gone := sorted(named - names):
            reason = f"{what} goes on until a restart, and there would be no dataset {', '.join(gone)} for its files"
        elif not named and not matched:
            reason = f"{what} goes on until a restart, and no dataset would have a match.glob for its files"
        if reason is not None:
            yield Problem(file="", line=None, key=place, reason=reason, remedy=_REMEDY)


def _takers(intake: IntakeSettings) -> Iterator[tuple[str, str, set[str]]]:
    """Yield the setting, the words and the named datasets of each."""
    for folder in intake.folders:
        yield "intake.folders", f"watched folder {folder.path}", _named(folder.dataset)
    for mailbox in intake.mailboxes:
        named = _named(mailbox.dataset, *(rule.dataset for rule in mailbox.rules))
        yield "intake.mailboxes", f"mailbox {mailbox.name}", named


def _named(*datasets: str | None) -> set[str]:
    return {dataset for dataset in datasets if dataset is not None}
