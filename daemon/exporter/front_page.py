"""What people see at the exporter's port: `/` with links, and the documents that links in alerts lead to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import escape
from typing import Final

from aiohttp import web

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
    """Return the routes of the page and of each document, by its path from the root."""
    page = "".join(f'<li><a href="{path}">{path}</a>: {escape(words)}</li>' for path, words in LINKS)
    found = [_route("/", _html("Headgate", f"<h1>Headgate {escape(version)}</h1><p>The exporter.</p><ul>{page}</ul>"))]
    for name, text in documents.items():
        found.append(_route(f"/{name}", _html(name, f"<pre>{_with_anchors(text)}</pre>")))
    return found


def _route(path: str, body: str) -> web.RouteDef:
    async def answer(_request: web.Request) -> web.Response:
        return web.Response(text=body, content_type="text/html", headers=POLICY)

    return web.get(path, answer)


def _html(title: str, body: str) -> str:
    style = "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}pre{white-space:pre-wrap}"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    return f'<!DOCTYPE html><html lang="en"><head>{head}<style>{style}</style></head><body>{body}</body></html>'


def _with_anchors(text: str) -> str:
    """Return Markdown as it is written, its headings found by their names and, as elsewhere, by lower-case ones."""
    return re.sub(r"^#+ (.*)$", _anchored, escape(text), flags=re.MULTILINE)


def _anchored(heading: re.Match[str]) -> str:
    name = heading[1].replace("`", "")
    lower = re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-")
    return f'<b id="{lower}"><span id="{name}">{heading[0]}</span></b>'
