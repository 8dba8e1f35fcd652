"""An SMB server for tests: Samba with one share and one account, on a free loopback port, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ports import free_port, until_listened

SHARE: Final = "share"
CONFIGURATION: Final = """\
[global]
server role = standalone server
interfaces = 127.0.0.1
bind interfaces only = yes
smb ports = {port}
disable netbios = yes
server min protocol = SMB2_10
private dir = {folder}/state
lock directory = {folder}/state
state directory = {folder}/state
cache directory = {folder}/state
pid directory = {folder}/state
ncalrpc dir = {folder}/state/rpc
passdb backend = tdbsam:{folder}/state/accounts.tdb
username map = {folder}/names
load printers = no
printcap name = /dev/null
[{share}]
path = {folder}/{share}
read only = no
"""


def samba_program(name: str) -> str | None:
    """Return a program of Samba; None where it is not installed."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin")


@contextmanager
def running_samba(folder: Path, name: str, password: str) -> Iterator[int]:
    """Serve `folder/share` for one account, and yield the port.

    Samba lets in whom the machine knows: the account is this process's own user, under the name that is given.
    """
    port, user = free_port(), pwd.getpwuid(os.geteuid()).pw_name
    (folder / "state").mkdir(parents=True)
    (folder / SHARE).mkdir()
    (folder / "names").write_text(f"{user} = {name}\n")
    configuration = folder / "smb.conf"
    configuration.write_text(CONFIGURATION.format(port=port, folder=folder, share=SHARE))
    subprocess.run(
        [str(samba_program("pdbedit")), f"--configfile={configuration}", "-a", "-t", "-u", user],
        input=f"{password}\n{password}\n".encode(),
        stdout=subprocess.DEVNULL,
        check=True,
    )
    log = (folder / "smbd.log").open("wb")
    server = subprocess.Popen(
        [
            str(samba_program("smbd")),
            f"--configfile={configuration}",
            "--foreground",
            "--no-process-group",
            "--debug-stdout",
        ],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    log.close()
    try:
        until_listened(port, server, folder / "smbd.log")
        yield port
    finally:
        # Its processes, one for each connection, are a group of their own.
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(10)
