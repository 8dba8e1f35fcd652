"""Mailboxes that are not read, messages that cannot be moved, replies that nobody takes: the runbook helps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mails import mail, mailbox, reply_by
from smtp_sink import smtp_sink

if TYPE_CHECKING:
    from collections.abc import Callable

    from dovecot import Dovecot

    from ..conftest import Headgate
    from .conftest import Called

pytestmark = pytest.mark.timeout(300)


def configure(gate: Headgate, dovecot: Dovecot, **changes: Any) -> None:
    gate.settings["intake"] = {"mailboxes": [mailbox(dovecot, gate.folder, dataset="orders", **changes)]}
    gate.write_config()


def test_a_mailbox_that_is_not_read(
    called: Called, sqlite_headgate: Headgate, dovecot: Dovecot, orders: Callable[..., Path], tmp_path: Path
) -> None:
    gate = sqlite_headgate
    configure(gate, dovecot)
    dovecot.deliver(mail(orders(tmp_path / "orders-1.xlsx", 5)))
    dovecot.set_password("another one")
    with called("HeadgateMailboxUnread") as operator:
        operator.is_called()
        operator.reads("`mailbox not read`")
        gate.tells("mailbox not read")
        operator.reads("`kind=login`: write the password that the account has now into its `password_file`")
        gate.tells("kind=login")
        Path(gate.settings["intake"]["mailboxes"][0]["password_file"]).write_text("another one")
        operator.reads("no restart is needed")
        operator.is_done()
        gate.until(lambda: gate.loaded_jobs() == 1, "what lay there is loaded", process=operator.process)


def test_messages_that_are_left_lying(
    called: Called, sqlite_headgate: Headgate, dovecot: Dovecot, orders: Callable[..., Path], tmp_path: Path
) -> None:
    gate = sqlite_headgate
    configure(gate, dovecot, move_to="Taken.")
    dovecot.deliver(mail(orders(tmp_path / "orders-1.xlsx", 5)))
    with called("HeadgateMailboxMessagesLeft") as operator:
        operator.is_called()
        operator.reads("`message not taken`")
        gate.tells("message not taken")
        operator.reads("correct the settings and restart")
        configure(gate, dovecot, move_to="Taken")
        operator.restarts()
        operator.is_done()
        gate.until(lambda: dovecot.subjects("Taken") == ["orders"], "it is moved", process=operator.process)
        operator.reads("what was taken of them is not taken twice")
        assert gate.loaded_jobs() == len(gate.jobs()) == 1


def test_replies_that_nobody_takes(
    called: Called, sqlite_headgate: Headgate, dovecot: Dovecot, orders: Callable[..., Path], tmp_path: Path
) -> None:
    gate = sqlite_headgate
    with smtp_sink() as sink:
        configure(gate, dovecot, reply=reply_by(sink, gate.folder))
        secret = gate.folder / "smtp.password"
        right = secret.read_text()
        secret.write_text("the old one")
        dovecot.deliver(mail(orders(tmp_path / "orders-1.xlsx", 5)))
        with called("HeadgateRepliesFail") as operator:
            operator.is_called()
            operator.reads("`reply not sent`")
            gate.tells("reply not sent")
            operator.reads("Words of authentication (535): write the password into `reply.password_file`")
            secret.write_text(right)
            operator.reads("no restart is needed")
            operator.is_done()
            gate.until(lambda: len(sink.messages) == 1, "the sender is answered", process=operator.process)
