"""An IMAP server for tests: Dovecot with one account, on free loopback ports, without privileges, gone at the end."""

from __future__ import annotations

import imaplib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

from certificates import Authority, Pair
from ports import free_port, until_listened

USER, PASSWORD = "loads@example.com", "for the mailbox"
CONFIGURATION = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
default_internal_user = {user}
default_internal_group = {group}
default_login_user = {user}
first_valid_uid = 1
disable_plaintext_auth = no
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
mail_location = maildir:{folder}/mail
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = scheme=PLAIN {folder}/users
}}
userdb {{
  driver = static
  args = uid={uid} gid={gid} home={folder}/mail
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


@dataclass(slots=True, kw_only=True)
class Dovecot:
    """A running server; `port` takes plain connections and STARTTLS, `tls_port` TLS."""

    folder: Path
    port: int
    tls_port: int
    pair: Pair
    authority: Path
    """The certificate of whoever vouches for the server."""
    capability: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None)

    @contextmanager
    def client(self) -> Iterator[imaplib.IMAP4]:
        """Log in as a person's mail program would, with the standard library's client and not Headgate's."""
        client = imaplib.IMAP4("127.0.0.1", self.port, timeout=20)
        try:
            client.login(USER, PASSWORD)
            yield client
        finally:
            client.logout()

    def deliver(self, message: EmailMessage | bytes, folder: str = "INBOX") -> None:
        """Put a message into a folder, which is made if it is missing."""
        raw = message if isinstance(message, bytes) else message.as_bytes(policy=SMTP)
        with self.client() as client:
            if folder != "INBOX":
                client.create(folder)
            kind, answer = client.append(folder, "", "", raw)
            assert kind == "OK", answer

    def subjects(self, folder: str = "INBOX") -> list[str]:
        """Return the subjects of the messages that lie in a folder and are not marked as deleted."""
        with self.client() as client:
            if client.select(folder, readonly=True)[0] != "OK":
                return []
            uids = client.uid("SEARCH", "UNDELETED")[1][0].split()
            found = []
            for uid in uids:
                data = client.uid("FETCH", uid.decode(), "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]
                # One that was moved away meanwhile has none.
                if data[0] is not None:
                    found.append(data[0][1].decode().strip().removeprefix("Subject:").strip())
            return found

    def set_password(self, password: str) -> None:
        (self.folder / "users").write_text(f"{USER}:{password}::::::\n")

    def start(self) -> None:
        # As root it would need users of its own; the package brings one, and that is enough for all of it.
        owner = pwd.getpwnam("dovecot") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        text = CONFIGURATION.format(
            folder=self.folder,
            user=owner.pw_name,
            group=owner.pw_name,
            uid=owner.pw_uid,
            gid=owner.pw_gid,
            port=self.port,
            tls_port=self.tls_port,
            certificate=self.pair.certificate,
            key=self.pair.key,
        )
        if self.capability:
            text += f"imap_capability = {self.capability}\n"
        (self.folder / "dovecot.conf").write_text(text)
        self.set_password(PASSWORD)
        identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            identity = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
            for path in (self.folder, *self.folder.rglob("*")):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        self.process = subprocess.Popen(
            [str(dovecot_program()), "-F", "-c", str(self.folder / "dovecot.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            **identity,
        )
        until_listened(self.port, self.process, self.folder / "dovecot.log", seconds=30)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)


def dovecot_program() -> str | None:
    return shutil.which("dovecot") or ("/usr/sbin/dovecot" if Path("/usr/sbin/dovecot").exists() else None)


@contextmanager
def running_dovecot(capability: str = "") -> Iterator[Dovecot]:
    """Run a server with an empty mailbox until the block is left; with `capability`, one that can only do that."""
    # Its sockets lie in there, and their paths may have 100 characters.
    with tempfile.TemporaryDirectory(prefix="headgate-dovecot-") as made:
        folder = Path(made)
        for name in ("run", "state", "mail"):
            (folder / name).mkdir()
        authority = Authority(folder)
        server = Dovecot(
            folder=folder,
            port=free_port(),
            tls_port=free_port(),
            pair=authority.issue("dovecot", "DNS:localhost", "IP:127.0.0.1"),
            authority=authority.own.certificate,
            capability=capability,
        )
        server.start()
        try:
            yield server
        finally:
            server.stop()
