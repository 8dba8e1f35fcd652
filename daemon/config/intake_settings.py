"""Where workbooks come from, as it is set: watched folders, sources, mailboxes, and the limits of whatever comes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from .mail_settings import MailboxSettings
from .section import Section
from .value_types import (
    MEGABYTES_MAX,
    ONE_OR_MORE,
    Count,
    Megabytes,
    Seconds,
    SecondsOrZero,
    Whole,
    text_as,
)

IGNORED: Final = (
    *(".*", "~$*", "*~", "#*#", "Thumbs.db", "desktop.ini"),
    *("*.part", "*.partial", "*.filepart", "*.tmp", "*.temp", "*.upload", "*.uploading", "*.incomplete"),
    *("*.crdownload", "*.download", "*.opdownload", "*.aria2", "*.swp", "*.swo", "*.swx", "*.lock", "*.lck"),
    *("$RECYCLE.BIN", "#recycle", "@Recycle", "@eaDir", "System Volume Information", "lost+found"),
)
"""Names that browsers, transfer programs, editors and desktops give to what is unfinished or nobody's data, and systems
and file servers to folders of their own: in some lies what was deleted.
"""


class WatchedFolder(Section):
    """A folder whose workbooks are taken in."""

    path: Path = Field(description="The folder. It must exist.")
    dataset: str | None = Field(
        default=None, description="The dataset of every file in it. Without one, the datasets' `match.glob` decides."
    )
    recursive: bool = Field(default=True, description="Whether folders inside it are watched too.")
    taken: Literal["stay", "move"] = Field(
        default="stay",
        description="Whether files stay, or go to `done/` or `rejected/` in the folder when their job has ended.",
    )
    settle_seconds: Seconds = Field(
        default=10,
        description="How long a file must be unchanged whose end cannot be proven: a text, or one whose writer cannot "
        "be seen. A file that is renamed into the folder, or whose format shows its end, is taken after "
        "`scan_seconds`; see docs/reliability.md.",
    )
    unfinished_seconds: Seconds = Field(
        default=300,
        description="How long a file must be unchanged that a process holds open for writing, or that its format "
        "shows to be unfinished; then it is taken as it is.",
    )
    done_marker: Annotated[str, Field(pattern=r"^\.[^/*?\[\]]+$")] | None = Field(
        default=None,
        description="With `.done`, `orders.xlsx` is taken when a file `orders.xlsx.done` is beside it, and not before.",
        json_schema_extra={"shown": "none"},
    )


class ObjectSource(Section):
    """A bucket, a share or a folder of a server whose workbooks are taken in; see docs/sources.md."""

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_.-]{0,39}$",
        description="What log and metrics call it (label `source`): a-z, 0-9, `_.-`.",
    )
    url: str = Field(
        min_length=1,
        description="Where it lies: `s3://`, `gs://`, `az://`, `sftp://`, `smb://`, `webdav://`, `webdavs://` or "
        "`file://`; without credentials.",
    )
    options: Mapping[str, str] = Field(
        default_factory=dict,
        description="What else the kind of storage wants to know, as `endpoint_url` or `known_hosts_file`.",
        json_schema_extra={"shown": "none"},
    )
    credentials_file: Path | None = Field(
        default=None,
        description="A file that only this user can read (0600), a line `key: value` for each credential. Without one, "
        "those of the machine are used, where the kind of storage knows such.",
    )
    dataset: str | None = Field(
        default=None, description="The dataset of every file in it. Without one, the datasets' `match.glob` decides."
    )
    glob: Annotated[tuple[str, ...], ONE_OR_MORE] = Field(
        default=("**",), description="Which files are taken, by their path below the URL; the others are left alone."
    )
    recursive: bool = Field(default=True, description="Whether folders inside it are looked into, too.")
    poll_seconds: Seconds = Field(default=60, description="Time between two looks.")
    settle_seconds: SecondsOrZero | None = Field(
        default=None,
        description="How long a file must stay as it is, from one look to the next, before it is taken.",
        json_schema_extra={"shown": "`0` for S3, Google and Azure, whose objects appear whole; else `10`"},
    )
    timeout_seconds: Seconds = Field(default=30, description="How long each question to the storage may take.")
    after: str = Field(
        default="keep",
        pattern=r"^(keep|delete|move:.+)$",
        description="What becomes of a file when its job is in the ledger, and its bytes on this machine's disk: "
        "`keep`, `delete`, or `move:` and a URL of the same storage.",
    )

    @property
    def moves_to(self) -> str | None:
        """The URL that taken files are moved to; None if they are not moved."""
        return self.after.removeprefix("move:") if self.after.startswith("move:") else None


class IntakeSettings(Section):
    """Where workbooks come from."""

    sources: Annotated[tuple[ObjectSource, ...], Field(max_length=20)] = Field(
        default=(), description="Buckets, shares and folders of servers, at most 20: a list of the keys below."
    )

    folders: Annotated[tuple[Annotated[WatchedFolder, text_as("path")], ...], ONE_OR_MORE] = Field(
        default=(), description="Watched folders: a list of paths, or of the keys below."
    )
    mailboxes: Annotated[tuple[MailboxSettings, ...], Field(max_length=10)] = Field(
        default=(), description="Mailboxes: a list of the keys below; see docs/mail.md."
    )
    scan_seconds: Seconds = Field(
        default=1.0,
        description="Time between two looks; a file that is certain to be whole is taken when two of them saw it "
        "unchanged.",
    )
    rescan_seconds: Seconds = Field(
        default=30, description="Time between two looks when no change is told of: notifications may be lost."
    )
    ignore: Annotated[tuple[str, ...], ONE_OR_MORE] = Field(
        default=IGNORED,
        description="Names of files and folders that are left alone: patterns with `*` and `?`, in any case. A list "
        "of your own takes the place of this one.",
    )
    max_file_mb: Megabytes = Field(default=200, description="Larger files are refused, in MiB.")
    archive_members: Count = Field(
        default=1000, description="A zip archive of workbooks with more files in it is refused."
    )
    archive_total_mb: Megabytes = Field(
        default=2000, description="One whose files have more than this together is refused, in MiB."
    )
    archive_ratio: Count = Field(
        default=200, description="One is refused in which a file of more than 1 MiB expands by more than this."
    )
    min_free_mb: Annotated[Whole, Field(ge=0, le=MEGABYTES_MAX)] = Field(
        default=256, description="Nothing is taken in while less than this is free on the disk of the spool, in MiB."
    )
