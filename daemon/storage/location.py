"""Where files lie, as a URL says it: which kind of storage, which server, which folder. Connects to nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import SplitResult, unquote, urlsplit

from ingest.messages import say

from ..errors import StorageSettingsError

KINDS: Final = {
    "file": "file",
    "s3": "s3",
    "gs": "gcs",
    "gcs": "gcs",
    "az": "azure",
    "abfs": "azure",
    "sftp": "sftp",
    "smb": "smb",
    "webdav": "webdav",
    "webdavs": "webdav",
}
"""The kind of storage by the scheme of its URL."""
IN_BUCKETS: Final = frozenset({"s3", "gcs", "azure"})
"""Kinds whose URL names a bucket (a container) where others name a server; an object appears there whole or not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A folder, or all objects whose names begin alike: `root` is its path as the kind's library takes it."""

    scheme: str
    kind: str
    host: str
    port: int | None
    root: str

    @classmethod
    def of(cls, url: str) -> Self:
        """Read a URL.

        Raises:
            StorageSettingsError: it names no place, or has a password in it; the message is `reason; remedy`.

        """
        parts = urlsplit(url)
        kind = KINDS.get(parts.scheme)
        if kind is None:
            known = ", ".join(f"{scheme}://" for scheme in KINDS)
            raise StorageSettingsError(
                say("the URL begins with no kind of storage that is known; write one of {known}", known=known)
            )
        if "@" in parts.netloc:
            raise StorageSettingsError(
                say("there are credentials in the URL; write them into a file, and name that in credentials_file")
            )
        if parts.query or parts.fragment:
            raise StorageSettingsError(say("the URL has `?` or `#` in it; write these as %3F and %23"))
        host = (parts.hostname or "") if kind not in IN_BUCKETS else parts.netloc
        if (kind == "file") != (host == ""):
            example = {"file": "file:///folder"}.get(kind, f"{parts.scheme}://name/folder")
            raise StorageSettingsError(say("the URL names no place; write it like {example}", example=example))
        path = unquote(parts.path).rstrip("/")
        root = f"{host}{path}" if kind in IN_BUCKETS else path or "/"
        return cls(scheme=parts.scheme, kind=kind, host=host, port=_port(parts, kind), root=root)

    @property
    def url(self) -> str:
        """The URL again, each place in one spelling."""
        return f"{self.server}{self.root.removeprefix(self.host) if self.kind in IN_BUCKETS else self.root}"

    @property
    def server(self) -> str:
        """The beginning of the URL: what has another one lies elsewhere, and nothing is renamed from here to there."""
        port = "" if self.port is None else f":{self.port}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}{port}"

    @property
    def whole_at_once(self) -> bool:
        """Whether a file appears whole or not at all, as objects do."""
        return self.kind in IN_BUCKETS

    def full(self, path: str) -> str:
        """Return the path of a file below, as the kind's library takes it."""
        return f"{self.root.rstrip('/')}/{path}"

    def below(self, full: str) -> str:
        """Return the path below of a file that the kind's library names."""
        return full.removeprefix(self.root.rstrip("/")).lstrip("/")


def _port(parts: SplitResult, kind: str) -> int | None:
    if kind in IN_BUCKETS:
        return None
    try:
        return parts.port
    except ValueError:
        raise StorageSettingsError(say("the port in the URL is no port; write a number up to 65535")) from None
