"""Settings of mailboxes: what is said of an account whose attachments are taken in, and of the replies."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from .section import Section
from .value_types import ANY_CASE, ONE_OR_MORE, Host, KeptSeconds, Megabytes, Port, Seconds

_ADDRESS: Final = re.compile(r"[^@\s<>,;\"]+@[^@\s<>,;\"]+")


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        message = "{value} is no mail address; write name@domain"
        raise PydanticCustomError("address", message, {"value": repr(value)})
    return value


def _sender(value: str) -> str:
    if not _ADDRESS.fullmatch(value) and not _ADDRESS.fullmatch(f"anybody{value}"):
        message = "{value} is neither a mail address nor a domain; write name@domain or @domain"
        raise PydanticCustomError("sender", message, {"value": repr(value)})
    return value.casefold()


def _off(value: object) -> object:
    return None if isinstance(value, str) and value.casefold() == "off" else value


Address = Annotated[str, AfterValidator(_address)]
Sender = Annotated[str, AfterValidator(_sender)]
Tls = Annotated[Literal["tls", "starttls", "none"], ANY_CASE]
FolderName = Annotated[str, Field(min_length=1, pattern=r"^[^\x00-\x1f]+$")]


class MailRule(Section):
    """Which dataset takes the attachments of some messages; the first rule that fits counts."""

    subject: str | None = Field(
        default=None,
        min_length=1,
        description="A pattern with `*` and `?`, in any case, that the whole subject must fit.",
        json_schema_extra={"shown": "any subject"},
    )
    folder: FolderName | None = Field(
        default=None,
        description="The folder that they lie in; it is looked through beside the mailbox's `folder`.",
        json_schema_extra={"shown": "any folder"},
    )
    dataset: str = Field(description="The dataset.")

    @model_validator(mode="after")
    def _some_condition(self) -> Self:
        if self.subject is None and self.folder is None:
            message = (
                "a rule without a condition takes every message; write subject or folder, or the mailbox's dataset"
            )
            raise PydanticCustomError("rule", message)
        return self


class ReplySettings(Section):
    """The mail server that replies are handed to. With `reply: off` nobody is answered."""

    host: Host = Field(description="The server's name or address.")
    port: Port = Field(default=587, description="Its port: 587 for STARTTLS, 465 for TLS from the start.")
    tls: Tls = Field(
        default="starttls", description="`starttls`, `tls` from the start, or `none`: on this machine (loopback) only."
    )
    ca_file: Path | None = Field(
        default=None, description="PEM certificates of the authority, where the system does not know it."
    )
    user: str | None = Field(default=None, min_length=1, description="Whom to log in as; without one nobody logs in.")
    password_file: Path | None = Field(
        default=None, description="A file that only this user can read (0600), with the password in it."
    )
    address: Address = Field(description="The address that replies come from: best the mailbox's own.")
    attach_mb: Megabytes = Field(
        default=10, description="A larger workbook of rejected rows is not attached; the reply says how to get it. MiB."
    )
    give_up_seconds: KeptSeconds = Field(
        default=172_800, description="For how long a reply is tried that the server does not take."
    )

    @model_validator(mode="after")
    def _whole_login(self) -> Self:
        if (self.user is None) != (self.password_file is None):
            message = "a user and a password belong together; write both user and password_file, or none"
            raise PydanticCustomError("login", message)
        return self


class MailboxSettings(Section):
    """A mailbox, read by IMAP, whose attachments are taken in."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_.-]{0,39}$",
        description="What metrics, log and jobs call it: a-z, 0-9, `_.-`.",
    )
    host: Host = Field(description="The IMAP server's name or address.")
    port: Port = Field(default=993, description="Its port: 993 for TLS from the start, 143 for STARTTLS.")
    tls: Tls = Field(
        default="tls", description="`tls` from the start, `starttls`, or `none`: on this machine (loopback) only."
    )
    ca_file: Path | None = Field(
        default=None, description="PEM certificates of the authority, where the system does not know it."
    )
    user: str = Field(min_length=1, description="Whom to log in as.")
    password_file: Path = Field(
        description="A file that only this user can read (0600), with the password in it; read anew at each look."
    )
    folder: FolderName = Field(default="INBOX", description="The folder that is looked through.")
    poll_seconds: Annotated[Seconds, Field(le=300)] = Field(default=60, description="Time between two looks.")
    timeout_seconds: Annotated[Seconds, Field(le=240)] = Field(
        default=30, description="How long the servers, of replies too, may be silent to a command."
    )
    senders: Annotated[tuple[Sender, ...], ONE_OR_MORE, Field(min_length=1)] = Field(
        description="Whose attachments are taken: addresses, or `@domain` for everybody there. Others are never "
        "answered."
    )
    require_authentication: str | None = Field(
        default=None,
        min_length=1,
        description="The name by which your own mail server signs `Authentication-Results`; then only messages are "
        "taken whose sender it says is authentic. See docs/mail.md.",
    )
    rules: tuple[MailRule, ...] = Field(default=(), description="Which messages belong to which dataset.")
    dataset: str | None = Field(
        default=None,
        description="The dataset where no rule fits. Without one, the datasets' `match.glob` decides by the file's "
        "name.",
    )
    max_attachment_mb: Megabytes = Field(
        default=25, description="Larger attachments are refused, in MiB, and those above `intake.max_file_mb`, too."
    )
    move_to: FolderName = Field(
        default="Headgate-Taken", description="Where messages go whose attachments were taken; made if it is missing."
    )
    rejected_to: FolderName = Field(
        default="Headgate-Refused", description="Where messages go of which nothing was taken; made if it is missing."
    )
    reply: Annotated[ReplySettings | None, BeforeValidator(_off)] = Field(
        description="How the sender is told what became of it: the keys below, or `off`."
    )

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders that are looked through."""
        named = (rule.folder for rule in self.rules if rule.folder is not None)
        return tuple(dict.fromkeys((self.folder, *named)))

    @model_validator(mode="after")
    def _moves_away(self) -> Self:
        for place in (self.move_to, self.rejected_to):
            if place in self.folders:
                message = "messages would be moved to {folder}, which is looked through; choose another folder"
                raise PydanticCustomError("folders", message, {"folder": place})
        return self
