"""Folders of files: of this machine, over SFTP and WebDAV. Their listings come folder by folder."""

from __future__ import annotations

import os
import shutil
import stat
from abc import abstractmethod
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

from ingest.messages import say

from ..errors import StorageError, StorageNotFoundError
from ..machine.renaming import sync_folder
from .failures import failure_of
from .store import PAGE, Store, StoredObject, epoch

SILENCE: Final = 3
"""Questions whether an SFTP server is still there that may stay without an answer."""


class FileServer(Store):
    """Folders are looked into one after the other; a file that is no regular one, a link too, is passed over."""

    @abstractmethod
    def entries(self, folder: str) -> Iterator[dict[str, Any]]:
        """Yield what a folder holds, as fsspec tells of it."""

    def pages(self, *, recursive: bool, skip: str | None) -> Iterator[list[StoredObject]]:
        """Yield pages of files, as many in each as there are in a page of an object store."""
        files = self._files(recursive=recursive, skip=None if skip is None else self.location.full(skip))
        page = list(islice(files, PAGE))
        while True:
            following = list(islice(files, PAGE))
            yield page
            if not following:
                return
            page = following

    def _files(self, *, recursive: bool, skip: str | None) -> Iterator[StoredObject]:
        folders = [self.location.root]
        while folders:
            folder = folders.pop()
            try:
                for entry in self.entries(folder):
                    name = entry["name"].rstrip("/")
                    if entry["type"] == "file" and not entry.get("islink"):
                        yield self.found(entry)
                    elif entry["type"] == "directory" and recursive and name != skip:
                        folders.append(name)
            except Exception as error:
                # A folder that was removed since it was listed has no files any more.
                if folder == self.location.root or not isinstance(failure_of(error, folder), StorageNotFoundError):
                    raise

    def found(self, info: dict[str, Any]) -> StoredObject:
        """Return a file: what tells its contents apart is its size and when it was changed."""
        modified = epoch(info["mtime"])
        return StoredObject(
            path=self.location.below(info["name"]),
            size_bytes=info["size"],
            version=f"{info['size']}-{modified}",
            modified_at=modified,
        )


class LocalStore(FileServer):
    """A folder of this machine, or one that is mounted."""

    def enter(self) -> Any:
        """Return the file system."""
        return self.library("fsspec.implementations.local").LocalFileSystem(skip_instance_cache=True)

    def entries(self, folder: str) -> Iterator[dict[str, Any]]:
        """Yield what a folder holds as it is read."""
        with os.scandir(folder) as found:
            for entry in found:
                yield self.fs.info(entry)

    def put(self, local: Path, path: str) -> None:
        """Write a copy that is whole when it has its name, and keeps it whatever happens to the machine then."""
        target = Path(self.full(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.{uuid4().hex}.part")
        try:
            with local.open("rb") as source, part.open("xb") as copy:
                shutil.copyfileobj(source, copy)
                copy.flush()
                os.fsync(copy.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        for folder in (target.parent, target.parent.parent):  # the folder may be new itself
            sync_folder(folder)

    def delete(self, path: str) -> None:
        """Remove a file, and nothing else."""
        Path(self.full(path)).unlink()


class SftpStore(FileServer):
    """A folder over SFTP; the server's key must be a known one."""

    extra = "sftp"

    def enter(self) -> Any:
        """Return the file system. Keepalives end a connection that has fallen silent, and with it every call."""
        secrets = self.access.credentials
        given: dict[str, Any] = {
            "username": secrets.get("username"),
            "password": secrets.get("password"),
            "client_keys": [secrets["private_key_file"]] if "private_key_file" in secrets else None,
            "passphrase": secrets.get("private_key_password"),
            "port": self.location.port,
        }
        known: Any = self.access.options.get("known_hosts_file", ())  # (): the user's own
        return self.library("sshfs").SSHFileSystem(
            self.location.host,
            known_hosts=known,
            connect_timeout=self.timeout_seconds,
            login_timeout=self.timeout_seconds,
            keepalive_interval=self.timeout_seconds / SILENCE,
            keepalive_count_max=SILENCE,
            skip_instance_cache=True,
            **{key: value for key, value in given.items() if value is not None},
        )

    @property
    def waits(self) -> dict[str, Any]:
        """The deadline of a call, which fsspec keeps for libraries that run on its loop."""
        return {"timeout": self.timeout_seconds}

    def entries(self, folder: str) -> Iterator[dict[str, Any]]:
        """Yield what a folder holds as the server tells it, some hundred files at a time."""
        fs, sync = self.fs, self.library("fsspec.asyn").sync
        found = _Scan(fs, folder)
        try:
            while names := sync(fs.loop, found.some, **self.waits):
                for name, attributes in names:
                    yield {
                        "name": f"{folder.rstrip('/')}/{name}",
                        "type": _type_of(attributes.permissions or 0),
                        "size": attributes.size,
                        "mtime": attributes.mtime,
                    }
        finally:
            sync(fs.loop, found.close, **self.waits)


def _type_of(mode: int) -> str:
    """Return what fsspec calls a file of this mode."""
    return "directory" if stat.S_ISDIR(mode) else "file" if stat.S_ISREG(mode) else "other"


class _Scan:
    """A folder being read over SFTP: on the library's loop."""

    def __init__(self, fs: Any, folder: str) -> None:
        self._fs, self._folder = fs, folder
        self._client: Any = None
        self._names: Any = None

    async def some(self) -> list[tuple[str, Any]]:
        """Return the next names with what is told of each; none at the end."""
        if self._client is None:
            self._client = await self._fs.client.start_sftp_client()
            self._names = self._client.scandir(self._folder)
        found: list[tuple[str, Any]] = []
        async for entry in self._names:
            if entry.filename not in {".", ".."}:
                found.append((entry.filename, entry.attrs))
            if len(found) == PAGE:
                break
        return found

    async def close(self) -> None:
        """End the reading."""
        if self._client is not None:
            await self._names.aclose()
            self._client.exit()


class WebdavStore(FileServer):
    """A folder over WebDAV; `webdav` is plain HTTP, `webdavs` has TLS."""

    extra = "webdav"

    def enter(self) -> Any:
        """Return the file system."""
        secrets = self.access.credentials
        server = self.location.server.partition("://")[2]
        return self.library("webdav4.fsspec").WebdavFileSystem(
            f"{'https' if self.location.scheme == 'webdavs' else 'http'}://{server}",
            auth=(secrets.get("username", ""), secrets.get("password", "")) if secrets else None,
            timeout=self.timeout_seconds,
            verify=self.access.options.get("ca_file", True),
            skip_instance_cache=True,
        )

    def entries(self, folder: str) -> Iterator[dict[str, Any]]:
        """Yield what a folder holds: a WebDAV server tells of all in one answer."""
        for entry in self.fs.ls(quote(folder), detail=True):
            yield entry | {"name": f"/{entry['name'].lstrip('/')}"}

    def found(self, info: dict[str, Any]) -> StoredObject:
        """Return a file; servers have an ETag for each, or at least a time.

        Raises:
            StorageError: the server does not tell its size (RFC 4918, 15.4): it is not to be taken for an empty one.

        """
        if info["size"] is None:
            raise StorageError(
                say("the server does not tell the size of {file}: see to it that it does", file=info["name"])
            )
        modified = epoch(info["modified"])
        return StoredObject(
            path=self.location.below(f"/{info['name'].lstrip('/')}"),
            size_bytes=info["size"],
            version=f"{info['size']}-{modified}-{info['etag'] or ''}",
            modified_at=modified,
        )

    def blocks(self, file: StoredObject, block_bytes: int) -> Iterator[bytes]:
        """Yield the content of one answer: the library opens no file whose name a URL has in another spelling."""
        client = self.fs.client
        with client.http.stream("GET", client.join_url(self.full(file.path)), follow_redirects=True) as answer:
            answer.raise_for_status()
            yield from answer.iter_bytes(block_bytes)

    def delete(self, path: str) -> None:
        """Remove a file."""
        self.fs.client.remove(self.full(path))

    def move(self, path: str, to: Store, target: str) -> None:
        """Have the server rename a file; one that is there already is not replaced."""
        full = to.full(target)
        self.make_folder(full)
        self.fs.client.move(self.full(path), full, overwrite=False)

    def full(self, path: str) -> str:
        """Return the path of a file below as a URL has it: the library makes its URLs of what it is given."""
        return quote(super().full(path))
