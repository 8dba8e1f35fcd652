"""The page's files: owns how they are read from the package and sent, and what a browser may do with them."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from importlib.resources import files
from string import Template
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

VIEW: Final = "index.html"
ROOTS: Final = ("./", "../")
"""How the page's own address is reached from a view: a proxy may have it below a path of which nobody tells us."""
CONTENT_TYPES: Final = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "mjs": "text/javascript",
    "svg": "image/svg+xml",
    "txt": "text/plain",
}

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)

SECURITY_HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Security-Policy": CONTENT_SECURITY_POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        # With `no-referrer` the sign-in form would come with `Origin: null`, which says nothing.
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
    }
)
"""What every answer of the page carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file, as it is sent."""

    content: bytes
    packed: bytes
    content_type: str
    tag: str


class Assets:
    """All of the page's files, in memory: some 110 KB."""

    def __init__(self, assets: Mapping[str, Asset], view: Template, login: Template) -> None:
        self._assets, self._login = assets, login
        self._views = {root: _asset(VIEW, view.substitute(root=root).encode()) for root in ROOTS}

    @classmethod
    def load(cls) -> Assets:
        """Read the files from the package. Blocking."""
        found = {entry.name: entry.read_bytes() for entry in files(__package__).joinpath("static").iterdir()}
        view, login = (Template(found.pop(name).decode()) for name in (VIEW, "login.html"))
        return cls({name: _asset(name, content) for name, content in found.items()}, view, login)

    def send(self, request: web.Request, name: str) -> web.Response:
        """Send a file, or 304 when the browser has it already.

        Raises:
            web.HTTPNotFound: there is no such file.

        """
        asset = self._assets.get(name)
        if asset is None:
            raise web.HTTPNotFound
        return self._sent(request, asset)

    def view(self, request: web.Request, root: str) -> web.Response:
        """Send the view; `root` leads from its address to that of the page."""
        return self._sent(request, self._views[root])

    def _sent(self, request: web.Request, asset: Asset) -> web.Response:
        # Asked for again each time, answered by 304: a new version of the daemon is never met by old scripts.
        headers = {**SECURITY_HEADERS, "Cache-Control": "no-cache", "ETag": asset.tag, "Vary": "Accept-Encoding"}
        if request.headers.get("If-None-Match") == asset.tag:
            return web.Response(status=304, headers=headers)
        body = asset.content
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            body = asset.packed
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, headers=headers, content_type=asset.content_type, charset="utf-8")

    def login(
        self, *, root: str, status: int, message: str, next_path: str, headers: Mapping[str, str]
    ) -> web.Response:
        """Send the sign-in form; message and path are this program's own words, never a caller's."""
        notice = f'<p class="notice bad" role="alert" id="trouble">{message}</p>' if message else ""
        text = self._login.substitute(
            root=root, message=notice, next=next_path, described=" trouble" if message else ""
        )
        return web.Response(
            status=status,
            text=text,
            content_type="text/html",
            headers={**SECURITY_HEADERS, "Cache-Control": "no-store", **headers},
        )


def _asset(name: str, content: bytes) -> Asset:
    return Asset(
        content=content,
        packed=gzip.compress(content, mtime=0),
        content_type=CONTENT_TYPES[name.rpartition(".")[2]],
        tag=f'"{hashlib.sha256(content).hexdigest()[:32]}"',
    )
