"""What people see at the exporter's port: `/` with links, and the documents that links in alerts lead to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from pathlib import PurePosixPath
from typing import Final

from aiohttp import web

from ingest.languages import ENGLISH, best_language, find_language, languages

LINKS: Final = (
    ("/metrics", "what Prometheus scrapes"),
    ("/-/healthy", "whether the main loop moves"),
    ("/-/ready", "whether work is taken now"),
    ("/docs/runbooks.md", "what to do about each alert"),
    ("/docs/monitoring.md", "how to set Prometheus, Alertmanager and Grafana up"),
    ("/docs/errors.md", "cause and remedy of each error code"),
)
POLICY: Final = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


def routes(version: str, documents: Mapping[str, str]) -> list[web.RouteDef]:
    """Return the routes of the page and of each document, by its path from the root.

    A document is shown at the path of its English original, in the language that `?language=` names, or else in the one
    that `Accept-Language` asks for.
    """
    listed = "".join(f'<li><a href="{path}">{path}</a>: {escape(words)}</li>' for path, words in LINKS)
    front = f"<h1>Headgate {escape(version)}</h1><p>The exporter.</p><ul>{listed}</ul>"
    found = [_route("/", {ENGLISH: _html("Headgate", front, ENGLISH)})]
    for name, texts in _by_language(documents).items():
        choice = " ".join(f'<a href="?language={tag}" hreflang="{tag}">{tag}</a>' for tag in texts)
        bodies = {tag: f"<nav>{choice}</nav><pre>{_with_anchors(text)}</pre>" for tag, text in texts.items()}
        found.append(_route(f"/{name}", {tag: _html(name, body, tag) for tag, body in bodies.items()}))
    return found


def _by_language(documents: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the texts of each document by language: `docs/zh-CN/errors.md` is `docs/errors.md` in Chinese."""
    found: dict[str, dict[str, str]] = {}
    for name, text in documents.items():
        path = PurePosixPath(name)
        tag = path.parent.name
        original, language = (path.parents[1] / path.name, tag) if tag in languages() else (path, ENGLISH)
        found.setdefault(str(original), {})[language] = text
    return found


def _route(path: str, pages: Mapping[str, str]) -> web.RouteDef:
    async def answer(request: web.Request) -> web.Response:
        wanted = find_language(request.query.get("language", "")) or best_language(
            request.headers.get("Accept-Language")
        )
        language = wanted if wanted in pages else ENGLISH
        headers = {**POLICY, "Content-Language": language, "Vary": "Accept-Language"}
        return web.Response(text=pages[language], content_type="text/html", headers=headers)

    return web.get(path, answer)


def _html(title: str, body: str, language: str) -> str:
    style = "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}pre{white-space:pre-wrap}"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    return f'<!DOCTYPE html><html lang="{language}"><head>{head}<style>{style}</style></head><body>{body}</body></html>'


def _with_anchors(text: str) -> str:
    """Return Markdown as it is written, its headings found by their names and, as elsewhere, by lower-case ones."""
    return re.sub(r"^#+ (.*)$", _anchored, escape(text), flags=re.MULTILINE)


def _anchored(heading: re.Match[str]) -> str:
    name = heading[1].replace("`", "")
    lower = re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-")
    return f'<b id="{lower}"><span id="{name}">{heading[0]}</span></b>'
