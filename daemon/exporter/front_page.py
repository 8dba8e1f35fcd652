"""What people see at the exporter's port: `/` with links, and the documents that links in alerts lead to."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from html import escape
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
LINK: Final = re.compile(r"(?<!!)\[(?P<words>[^\]\n]+)\]\((?P<path>[^)#\s]*)(?P<anchor>#[^)\s]+)?\)")
POLICY: Final = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


def routes(version: str, documents: Mapping[str, str]) -> list[web.RouteDef]:
    """Return the routes of the page, which stands for the folder of the documents, too, and of each of them.

    A document is shown at the path of its English original, in the language that `?language=` names, or else in the one
    that `Accept-Language` asks for.
    """
    listed = "".join(f'<li><a href="{path}">{path}</a>: {escape(words)}</li>' for path, words in LINKS)
    front = f"<h1>Headgate {escape(version)}</h1><p>The exporter.</p><ul>{listed}</ul>"
    page = {ENGLISH: _html("Headgate", front, ENGLISH)}
    pages: dict[str, dict[str, str]] = {"": page, "docs/": page}
    for name in documents:
        original, language = _place(name)
        body = f"<pre>{_with_anchors(_with_links(name, documents))}</pre>"
        pages.setdefault(original, {})[language] = _html(original, body, language)
    return [_route(f"/{path}", bodies) for path, bodies in pages.items()]


def _place(name: str) -> tuple[str, str]:
    """Return the English original of a document, and its language: `docs/zh-CN/errors.md` is `docs/errors.md`."""
    folder, file = posixpath.split(name)
    above, tag = posixpath.split(folder)
    return (f"{above}/{file}", tag) if tag in languages() else (name, ENGLISH)


def _route(path: str, pages: Mapping[str, str]) -> web.RouteDef:
    async def answer(request: web.Request) -> web.Response:
        chosen = find_language(request.query.get("language", ""))
        wanted = chosen or best_language(request.headers.get("Accept-Language"))
        language = wanted if wanted in pages else ENGLISH
        headers = {**POLICY, "Content-Language": language, "Vary": "Accept-Language"}
        return web.Response(text=pages[language], content_type="text/html", headers=headers)

    return web.get(path, answer)


def _html(title: str, body: str, language: str) -> str:
    style = "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}pre{white-space:pre-wrap}"
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    return f'<!DOCTYPE html><html lang="{language}"><head>{head}<style>{style}</style></head><body>{body}</body></html>'


def _with_links(name: str, documents: Mapping[str, str]) -> str:
    """Return a document as HTML shows its Markdown, with links to those that are here, each in its language."""

    def link(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), found["path"])) if found["path"] else name
        if target not in documents:
            return found[0]
        original, language = _place(target)
        path = f"/{original}?language={language}" if found["path"] else ""
        return f'<a href="{path}{found["anchor"] or ""}">{found["words"]}</a>'

    return LINK.sub(link, escape(documents[name]))


def _with_anchors(text: str) -> str:
    """Give headings their names, and as elsewhere the lower-case ones, to be found by."""
    return re.sub(r"^#+ (.*)$", _anchored, text, flags=re.MULTILINE)


def _anchored(heading: re.Match[str]) -> str:
    name = heading[1].replace("`", "")
    lower = re.sub(r"[^\w -]", "", name.lower()).replace(" ", "-")
    return f'<b id="{lower}"><span id="{name}">{heading[0]}</span></b>'
