"""Servers that keep files, on loopback: S3, SFTP and WebDAV in this process, SMB. Owns their keys and passwords."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs
from uuid import uuid4

import asyncssh
import boto3
from cheroot.wsgi import Server
from moto.server import ThreadedMotoServer
from samba import SHARE, running_samba
from wsgidav.wsgidav_app import WsgiDAVApp

USER: Final = "shop"
OPEN_SESAME: Final = "opens the store"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder that a server keeps, with what it takes to get there, and a client of another make to fill it."""

    url: str
    options: dict[str, str]
    credentials_file: Path | None
    port: int
    folder: Path | None = None
    s3: Any = None
    bucket: str = ""

    def put(self, path: str, content: bytes) -> None:
        if self.folder is None:
            self.s3.put_object(Bucket=self.bucket, Key=f"new/{path}", Body=content)
        else:
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_bytes(content)

    def names(self) -> set[str]:
        """Everything that lies there, moved files too."""
        if self.folder is not None:
            return {str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if path.is_file()}
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix="new/")
        return {one["Key"].removeprefix("new/") for page in pages for one in page.get("Contents", ())}


def credentials(folder: Path, name: str = "credentials", **lines: str) -> Path:
    """Write a credentials file that only this user can read."""
    file = folder / name
    file.write_text("".join(f'{key}: "{value}"\n' for key, value in lines.items()))
    file.chmod(0o600)
    return file


@contextlib.contextmanager
def s3_place(folder: Path) -> Iterator[Place]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    port = server.get_host_and_port()[1]
    endpoint = f"http://127.0.0.1:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=USER,
        aws_secret_access_key=OPEN_SESAME,
    )
    bucket = f"inbox-{uuid4().hex}"  # all servers of a process have one memory
    client.create_bucket(Bucket=bucket)
    try:
        yield Place(
            url=f"s3://{bucket}/new",
            options={"endpoint_url": endpoint, "region": "us-east-1"},
            credentials_file=credentials(folder, access_key_id=USER, secret_access_key=OPEN_SESAME),
            port=port,
            s3=client,
            bucket=bucket,
        )
    finally:
        server.stop()


class _Login(asyncssh.SSHServer):
    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == (USER, OPEN_SESAME)


@contextlib.contextmanager
def sftp_place(folder: Path) -> Iterator[Place]:
    """Serve a folder by SFTP, as the root of all that the user sees."""
    root = folder / "sftp"
    (root / "new").mkdir(parents=True)
    key = asyncssh.generate_private_key("ssh-ed25519")
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def listen() -> asyncssh.SSHAcceptor:
        return await asyncssh.create_server(
            _Login,
            "127.0.0.1",
            0,
            server_host_keys=[key],
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(root).encode()),
        )

    server = asyncio.run_coroutine_threadsafe(listen(), loop).result(10)
    port = server.get_port()
    known = folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {key.export_public_key().decode()}")
    try:
        yield Place(
            url=f"sftp://127.0.0.1:{port}/new",
            options={"known_hosts_file": str(known)},
            credentials_file=credentials(folder, username=USER, password=OPEN_SESAME),
            port=port,
            folder=root / "new",
        )
    finally:
        loop.call_soon_threadsafe(server.close)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextlib.contextmanager
def webdav_place(folder: Path) -> Iterator[Place]:
    """Serve a folder by WebDAV."""
    root = folder / "dav"
    (root / "new").mkdir(parents=True)
    users = {"*": {USER: {"password": OPEN_SESAME}}}
    app = WsgiDAVApp(
        {
            "provider_mapping": {"/": {"root": str(root)}},
            "simple_dc": {"user_mapping": users},
            "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
            "verbose": 0,
            "logging": {"enable": False},
        }
    )
    server = Server(("127.0.0.1", 0), app, numthreads=4)
    server.prepare()
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    port = server.bind_addr[1]
    try:
        yield Place(
            url=f"webdav://127.0.0.1:{port}/new",
            options={},
            credentials_file=credentials(folder, username=USER, password=OPEN_SESAME),
            port=port,
            folder=root / "new",
        )
    finally:
        server.stop()
        thread.join(10)


@contextlib.contextmanager
def smb_place(folder: Path) -> Iterator[Place]:
    """Serve a folder as a share."""
    with running_samba(folder / "smb", USER, OPEN_SESAME) as port:
        new = folder / "smb" / SHARE / "new"
        new.mkdir()
        yield Place(
            url=f"smb://127.0.0.1:{port}/{SHARE}/new",
            options={},
            credentials_file=credentials(folder, username=USER, password=OPEN_SESAME),
            port=port,
            folder=new,
        )


@contextlib.contextmanager
def local_place(folder: Path) -> Iterator[Place]:
    root = folder / "local" / "new"
    root.mkdir(parents=True)
    yield Place(url=root.as_uri(), options={}, credentials_file=None, port=0, folder=root)


def through(place: Place, port: int) -> Place:
    """Reach a place by another port."""
    options = dict(place.options)
    if "endpoint_url" in options:
        return replace(place, options=options | {"endpoint_url": f"http://127.0.0.1:{port}"})
    if "known_hosts_file" in options:
        known = Path(options["known_hosts_file"])
        known.write_text(known.read_text().replace(f":{place.port} ", f":{port} "))
    return replace(place, url=place.url.replace(f":{place.port}/", f":{port}/"))


class _Listing(BaseHTTPRequestHandler):
    """The one answer of S3 that a listing needs: the next page of as many objects as the bucket's name says."""

    def do_GET(self) -> None:
        count = int(self.path.partition("?")[0].strip("/"))
        asked = parse_qs(self.path.partition("?")[2])
        start, size = int(asked.get("continuation-token", ["0"])[0]), int(asked["max-keys"][0])
        end = min(count, start + size)
        listed = "".join(
            f"<Contents><Key>{number:06}.xlsx</Key><Size>1</Size><ETag>&quot;{number}&quot;</ETag>"
            "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
            for number in range(start, end)
        )
        more = f"<NextContinuationToken>{end}</NextContinuationToken>" if end < count else ""
        truncated = f"<IsTruncated>{str(end < count).lower()}</IsTruncated>"
        body = f"<ListBucketResult>{truncated}{more}{listed}</ListBucketResult>".encode()
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def large_listing(folder: Path, count: int) -> Iterator[Place]:
    """Serve a listing of very many objects: moto sorts all of its own for every page."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Listing)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    port = server.server_port
    try:
        yield Place(
            url=f"s3://{count}",
            options={"endpoint_url": f"http://127.0.0.1:{port}", "region": "us-east-1"},
            credentials_file=credentials(folder, access_key_id=USER, secret_access_key=OPEN_SESAME),
            port=port,
        )
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


PLACES: Final = {"file": local_place, "s3": s3_place, "sftp": sftp_place, "webdav": webdav_place, "smb": smb_place}
