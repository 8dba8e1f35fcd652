"""The page's files: owns how they are read from the package and sent, and what a browser may do with them."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from aiohttp import web

from ingest.languages import catalogue, in_language, languages

from ..languages import language_headers, language_of
from .templates import Templates

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VIEW: Final = "index.html"
LOGIN: Final = "login.html"
ROOTS: Final = ("./", "../")
"""How the page's own address is reached from a view: a proxy may have it below a path of which nobody tells us."""
CONTENT_TYPES: Final = {
    "css": "text/css",
    "html": "text/html",
    "js": "text/javascript",
    "json": "application/json",
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
    """All of the page's files, in memory: some 180 KB."""

    def __init__(self, assets: Mapping[str, Asset], templates: Templates) -> None:
        self._assets, self._templates = assets, templates
        self._views = {
            (root, language): _asset(VIEW, templates.render(VIEW, language, root=root).encode())
            for root in ROOTS
            for language in languages()
        }

    @classmethod
    def load(cls) -> Assets:
        """Read the files from the package. Blocking."""
        found = {entry.name: entry.read_bytes() for entry in files(__package__).joinpath("static").iterdir()}
        templates = Templates({name: found.pop(name).decode() for name in (VIEW, LOGIN)})
        scripts = [content.decode() for name, content in found.items() if name.endswith(".js")]
        found |= {f"{language}.json": _messages(language, scripts) for language in languages()[1:]}
        return cls({name: _asset(name, content) for name, content in found.items()}, templates)

    def send(self, request: web.Request, name: str) -> web.Response:
        """Send a file, or 304 when the browser has it already.

        Raises:
            web.HTTPNotFound: there is no such file.

        """
        asset = self._assets.get(name)
        if asset is None:
            raise web.HTTPNotFound
        return self._sent(request, asset, {})

    def view(self, request: web.Request, root: str) -> web.Response:
        """Send the view in the reader's language; `root` leads from its address to that of the page."""
        language = language_of(request)
        return self._sent(request, self._views[root, language], language_headers(language))

    def _sent(self, request: web.Request, asset: Asset, spoken: Mapping[str, str]) -> web.Response:
        # Asked for again each time, answered by 304: a new version of the daemon is never met by old scripts.
        headers = {**SECURITY_HEADERS, **spoken, "Cache-Control": "no-cache", "ETag": asset.tag}
        headers["Vary"] = ", ".join(filter(None, ("Accept-Encoding", spoken.get("Vary"))))
        if request.headers.get("If-None-Match") == asset.tag:
            return web.Response(status=304, headers=headers)
        body = asset.content
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            body = asset.packed
            headers["Content-Encoding"] = "gzip"
        return web.Response(body=body, headers=headers, content_type=asset.content_type, charset="utf-8")

    def login(
        self, request: web.Request, *, status: int, message: str, next_path: str, headers: Mapping[str, str]
    ) -> web.Response:
        """Send the sign-in form in the reader's language, with a message where there is one."""
        language = language_of(request)
        said = {"message": in_language(message, language), "next": next_path}
        return web.Response(
            status=status,
            text=self._templates.render(LOGIN, language, root="./", **said),
            content_type="text/html",
            headers={**SECURITY_HEADERS, **language_headers(language), "Cache-Control": "no-store", **headers},
        )


def _messages(language: str, scripts: Iterable[str]) -> bytes:
    """Return the messages of the scripts in a language, as JSON: an array of forms by the English text."""
    known, source = catalogue(language), "\n".join(scripts)
    forms = known.forms() if known else {}
    said = {text: forms[text] for text in sorted(forms) if json.dumps(text, ensure_ascii=False) in source}
    return json.dumps(said, ensure_ascii=False).encode()


def _asset(name: str, content: bytes) -> Asset:
    return Asset(
        content=content,
        packed=gzip.compress(content, mtime=0),
        content_type=CONTENT_TYPES[name.rpartition(".")[2]],
        tag=f'"{hashlib.sha256(content).hexdigest()[:32]}"',
    )
