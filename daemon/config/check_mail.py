"""What can be known of mailboxes before the start: names, datasets, password files, libraries; connects to nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ingest.spec.yaml_document import suggestion

from ..errors import StartupError
from .secret_file import read_secret
from .value_types import is_loopback

if TYPE_CHECKING:
    from ingest.spec.dataset import Dataset
    from ingest.spec.yaml_document import Location, Problem

    from .load import Sources
    from .mail_settings import MailboxSettings, ReplySettings
    from .settings import Settings

LIBRARIES: Final = ("imapclient", "authres")
"""What the extra `mail` brings."""


def mailbox_problems(sources: Sources, settings: Settings, datasets: Sequence[Dataset]) -> Iterator[Problem]:
    """Yield everything that is wrong with `intake.mailboxes`. Blocking."""
    mailboxes = settings.intake.mailboxes
    place: Location = ("intake", "mailboxes")
    if mailboxes and any(find_spec(library) is None for library in LIBRARIES):
        yield sources.problem(place, "mailboxes need libraries that are not installed", "pip install 'headgate[mail]'")
    names: list[str] = []
    for index, mailbox in enumerate(mailboxes):
        if mailbox.name in names:
            reason = f"another mailbox is called {mailbox.name} too"
            yield sources.problem((*place, index, "name"), reason, "give each a name of its own")
        names.append(mailbox.name)
        yield from _server_problems(sources, (*place, index), mailbox)
        if mailbox.reply is not None:
            yield from _server_problems(sources, (*place, index, "reply"), mailbox.reply)
        yield from _dataset_problems(sources, (*place, index), mailbox, datasets)


def _server_problems(sources: Sources, place: Location, server: MailboxSettings | ReplySettings) -> Iterator[Problem]:
    if server.tls == "none" and not is_loopback(server.host):
        reason = "password and messages would cross the network for everybody to read"
        yield sources.problem((*place, "tls"), reason, "use tls or starttls")
    if server.password_file is not None:
        try:
            read_secret(server.password_file)
        except StartupError as error:
            reason, _, remedy = str(error).partition("; ")
            yield sources.problem((*place, "password_file"), reason, remedy)
    if server.ca_file is not None and not _is_readable(server.ca_file):
        yield sources.problem((*place, "ca_file"), f"{server.ca_file} cannot be read", "correct the path or its rights")


def _is_readable(path: Path) -> bool:
    try:
        with path.open("rb"):
            return True
    except OSError:
        return False


def _dataset_problems(
    sources: Sources, place: Location, mailbox: MailboxSettings, datasets: Sequence[Dataset]
) -> Iterator[Problem]:
    known = [dataset.dataset for dataset in datasets]
    named: list[tuple[Location, str]] = [
        ((*place, "rules", number, "dataset"), rule.dataset) for number, rule in enumerate(mailbox.rules)
    ]
    if mailbox.dataset is not None:
        named.append(((*place, "dataset"), mailbox.dataset))
    for where, name in named:
        if name not in known:
            yield sources.problem(where, f"there is no dataset {name}", suggestion(name, known))
    if not named and not any(dataset.match.glob for dataset in datasets):
        reason = "no dataset takes files from here: none is named, and none has match.glob"
        yield sources.problem(place, reason, "name a dataset, or give one a match.glob")
