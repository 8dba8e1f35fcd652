"""The metrics of mailboxes: what each is called, and what was counted of messages, attachments and replies."""

from __future__ import annotations

import itertools
from typing import Final

from .definitions import Definitions, Measured, counter, define, gauge
from .values import MetricValues

MAILBOX: Final = "the name of a mailbox"

DEFINITIONS: Final[Definitions] = define(
    gauge(
        "mailbox_last_look_timestamp_seconds",
        "When the mailbox was last looked through, or a message of it taken; at first, when the daemon began.",
        mailbox=MAILBOX,
    ),
    counter(
        "mailbox_errors_total",
        "Looks and messages that failed, by what did: the connection, the login, a folder, another command.",
        mailbox=MAILBOX,
        kind=("connection", "login", "folder", "command"),
    ),
    counter(
        "mailbox_messages_total",
        "Messages dealt with: taken, or refused for their senders or for want of an attachment.",
        mailbox=MAILBOX,
        outcome=("taken", "refused"),
    ),
    counter(
        "mailbox_attachments_total",
        "Attachments of allowed senders that became jobs, or were refused before.",
        mailbox=MAILBOX,
        outcome=("entered", "refused"),
    ),
    counter(
        "mailbox_replies_total",
        "Tries at replies: sent, put off to be tried again, refused by the server for good, given up, or not wanted.",
        mailbox=MAILBOX,
        outcome=("sent", "put_off", "refused", "given_up", "none"),
    ),
)


class MailMetrics:
    """Numbers by mailbox; a mailbox has all of its series from the moment that it is looked at."""

    def __init__(self) -> None:
        self._values = {name: MetricValues(definition) for name, definition in DEFINITIONS.items()}

    def measured(self) -> Measured:
        """Return what was counted until now; called by the exporter's thread."""
        return {name: values.snapshot() for name, values in self._values.items()}

    def begun(self, mailbox: str, *, at: float) -> None:
        """Make the series of a mailbox."""
        for name, values in self._values.items():
            others = [known for label, known in DEFINITIONS[name].labels.items() if label != "mailbox"]
            for known in itertools.product(*others):
                values.prepare(mailbox, *known)
        self.looked(mailbox, at=at)

    def looked(self, mailbox: str, *, at: float) -> None:
        """Note that a mailbox was read, in seconds since the epoch."""
        self._values["mailbox_last_look_timestamp_seconds"].set(at, mailbox)

    def failed(self, mailbox: str, kind: str) -> None:
        """Count what went wrong."""
        self._values["mailbox_errors_total"].add(1, mailbox, kind)

    def message(self, mailbox: str, outcome: str, *, entered: int = 0, refused: int = 0) -> None:
        """Count a message, `taken` or `refused`, with its attachments."""
        self._values["mailbox_messages_total"].add(1, mailbox, outcome)
        self._values["mailbox_attachments_total"].add_all({"entered": entered, "refused": refused}, mailbox)

    def reply(self, mailbox: str, outcome: str) -> None:
        """Count a try at a reply."""
        self._values["mailbox_replies_total"].add(1, mailbox, outcome)
