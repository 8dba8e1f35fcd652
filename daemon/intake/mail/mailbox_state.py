"""How a mailbox is, and what becomes of its messages: told in metrics and in the log; looks at nothing itself."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from ...lifecycle.seldom import Seldom

if TYPE_CHECKING:
    from ...metrics.mail_metrics import MailMetrics
    from .imap_session import MailboxError

logger = logging.getLogger(__name__)


class MailboxState:
    """What was last found of one mailbox."""

    def __init__(self, mailbox: str, metrics: MailMetrics) -> None:
        self._mailbox, self._metrics = mailbox, metrics
        metrics.begun(mailbox, at=time.time())
        self._trouble: str | None = None
        self._seldom = Seldom()

    def looked(self) -> None:
        """Note that all of its folders were looked through."""
        self._metrics.looked(self._mailbox, at=time.time())
        if self._trouble is not None:
            logger.info("mailbox read again", extra={"mailbox": self._mailbox})
        self._trouble = None

    def failed(self, error: MailboxError) -> None:
        """Note what kept it from being looked through; told when it begins, and when it is of another kind."""
        self._metrics.failed(self._mailbox, error.kind)
        if self._trouble != error.kind:
            logger.warning(
                "mailbox not read", extra={"mailbox": self._mailbox, "kind": error.kind, "reason": str(error)}
            )
        self._trouble = error.kind

    def message_failed(self, uid: int, error: MailboxError) -> None:
        """Note that one message could not be taken, or not be moved; it is tried again."""
        self._metrics.failed(self._mailbox, error.kind)
        passed_over = self._seldom.passed_over(error.kind)
        if passed_over is not None:
            logger.warning(
                "message not taken",
                extra={"mailbox": self._mailbox, "uid": uid, "reason": str(error), "passed_over": passed_over},
            )

    def taken(self, sender: str, *, jobs: int, refused: int) -> None:
        """Note that a message was dealt with: a look at very many of them takes its time."""
        self._metrics.looked(self._mailbox, at=time.time())
        self._metrics.message(self._mailbox, "taken" if jobs else "refused", entered=jobs, refused=refused)
        logger.info(
            "message taken", extra={"mailbox": self._mailbox, "sender": sender, "jobs": jobs, "refused": refused}
        )

    def refused(self, sender: str, reason: str) -> None:
        """Note that nothing of a message is taken, by whom it is sent or how; it is not answered."""
        self._metrics.message(self._mailbox, "refused")
        passed_over = self._seldom.passed_over(reason)
        if passed_over is not None:
            extra = {"mailbox": self._mailbox, "sender": sender, "reason": reason, "passed_over": passed_over}
            logger.warning("message refused", extra=extra)
