"""The routes of the page: the view, its files, signing in and out, and what its script must know of the session."""

from __future__ import annotations

import asyncio
import logging
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, quote, urlsplit

from aiohttp import web

from ingest.messages import say

from ..auth import PRINCIPAL
from ..expectation import let_body_come
from ..problems import ProblemError
from ..routes import Route
from .sessions import Session, Sessions, matches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..auth import Authenticator
    from .assets import Assets

logger = logging.getLogger(__name__)

NEXT: Final = re.compile(r"/(?:jobs/[0-9]{1,18}|draft|datasets/[\w.%-]{1,300}|\?[\w.*%+=&-]{1,2000})?")
"""Where one may be led after signing in: a view of the page, the list with its filters, never another place."""

TOKEN_LENGTH_MAX: Final = 4096
FORM_BYTES_MAX: Final = 16_384
FIELDS_MAX: Final = 20
FORM_SECONDS: Final = 10.0


class PageRoutes:
    """Everything below the API's port that is for people. What it shows, its script asks the API for."""

    def __init__(
        self,
        *,
        assets: Assets,
        authenticator: Authenticator,
        sessions: Sessions,
        max_file_bytes: int,
        public_url: str = "",
        edits_datasets: bool = False,
    ) -> None:
        self._public = urlsplit(public_url)
        self._cookie_path = self._public.path.rstrip("/") + "/"
        self._assets, self._authenticator, self._sessions = assets, authenticator, sessions
        self._max_file_bytes, self._edits_datasets = max_file_bytes, edits_datasets
        authenticator.add_session(sessions.principal)

    def routes(self) -> Sequence[Route]:
        """Return the routes; none is part of the documented API, and those without a role are open to everybody."""
        return (
            Route(method="GET", path="/", handler=self._view, roles=()),
            Route(method="GET", path="/jobs/{id:[0-9]{1,18}}", handler=self._view, roles=()),
            Route(method="GET", path="/draft", handler=self._view, roles=()),
            Route(method="GET", path="/datasets/{name}", handler=self._view, roles=()),
            Route(method="GET", path="/static/{name}", handler=self._file, roles=()),
            Route(method="GET", path="/login", handler=self._form, roles=()),
            Route(method="POST", path="/login", handler=self._login, roles=()),
            Route(method="POST", path="/logout", handler=self._logout, roles=()),
            Route(method="GET", path="/page/session", handler=self._session, roles=("read", "submit")),
        )

    async def _view(self, request: web.Request) -> web.Response:
        """Send the view, which holds nothing secret: its script asks for everything, and for a sign-in if need be.

        A link from elsewhere comes without the cookie, which is `SameSite=Strict`: only the script's request has it.
        """
        if request.headers.get("Sec-Fetch-Site") != "cross-site" and self._sessions.find(request) is None:
            asked = request.path if request.path != "/" else request.rel_url.raw_path_qs
            return _led_to(request, "/login" if asked == "/" else f"/login?next={quote(asked)}")
        return self._assets.view(request, _root(request))

    async def _file(self, request: web.Request) -> web.Response:
        return self._assets.send(request, request.match_info["name"])

    async def _session(self, request: web.Request) -> web.Response:
        session = self._sessions.find(request)
        if session is None:
            raise ProblemError(404, say("this is for the page; a token needs no session"))
        principal = session.principal
        return web.json_response(
            {
                "name": principal.name,
                "csrf": session.csrf,
                "may_submit": principal.may("submit"),
                "may_edit": self._edits_datasets and principal.may("admin"),
                "max_file_bytes": self._max_file_bytes,
            },
            headers={"Cache-Control": "no-store"},
        )

    # -- in and out ----------------------------------------------------------------------------------

    async def _form(self, request: web.Request) -> web.Response:
        if self._sessions.find(request) is not None:
            return _led_to(request, _next(request.query.get("next", "")))
        return self._login_form(request, request.query.get("next", ""))

    def _login_form(
        self,
        request: web.Request,
        next_path: str,
        *,
        status: int = 200,
        message: str = "",
        headers: dict[str, str] | None = None,
    ) -> web.Response:
        return self._assets.login(
            request, status=status, message=message, next_path=_next(next_path), headers=headers or {}
        )

    async def _login(self, request: web.Request) -> web.Response:
        form = await _fields(request)
        given, next_path = form.get("token", "").strip(), form.get("next", "")
        if (elsewhere := self._from_elsewhere(request)) is not None:
            logger.warning("sign-in refused", extra={"address": request.remote, "reason": elsewhere})
            foreign = say("The form came from another site. Sign in here.")
            return self._login_form(request, next_path, status=403, message=foreign)
        try:
            principal = self._authenticator.token_principal(given[:TOKEN_LENGTH_MAX], request.remote or "")
        except ProblemError as problem:
            logger.warning("sign-in refused", extra={"address": request.remote, "reason": "too many wrong tokens"})
            wait = say("Too many wrong tokens came from your address. Wait a minute, then try again.")
            return self._login_form(request, next_path, status=problem.status, message=wait, headers=problem.headers)
        if principal is None:
            logger.warning("sign-in refused", extra={"address": request.remote, "reason": "unknown token"})
            unknown = say("That token is not known here. Look for a missing end.")
            return self._login_form(request, next_path, status=401, message=unknown)
        request[PRINCIPAL] = principal  # for the log of who did what
        self._sessions.close(request)
        response = _led_to(request, _next(next_path))
        response.set_cookie(
            self._sessions.cookie,
            self._sessions.open(principal),
            httponly=True,
            samesite="Strict",
            secure=self._secure(request),
            path=self._cookie_path,
        )
        return response

    async def _logout(self, request: web.Request) -> web.Response:
        session: Session | None = self._sessions.find(request)
        form = await _fields(request)
        response = _led_to(request, "/login")
        if session is None:
            return response  # another site's form comes without the cookie, and would take it away from its owner
        if not matches(session, form.get("csrf", "")):
            raise ProblemError(403, say("sign out by the button of the page"))
        self._sessions.close(request)
        response.del_cookie(
            self._sessions.cookie,
            path=self._cookie_path,
            httponly=True,
            samesite="Strict",
            secure=self._secure(request),
        )
        return response

    def _secure(self, request: web.Request) -> bool:
        """Say whether the browser speaks TLS: to us, or to a proxy whose address is the public one."""
        return request.secure or self._public.scheme == "https"

    def _from_elsewhere(self, request: web.Request) -> str | None:
        """Return why a browser seems to send the form for another site: nobody is signed in behind their back."""
        site = request.headers.get("Sec-Fetch-Site", "same-origin")
        if site not in {"same-origin", "none"}:
            return f"the browser calls the form {site[:20]}"
        origin = request.headers.get("Origin")
        # A proxy need not pass the name on by which it was asked.
        # An origin without a host, such as `null`, is nobody's.
        if origin is None or urlsplit(origin).netloc in {request.host, self._public.netloc} - {""}:
            return None
        return f"the form came from {origin[:100]}, not from {self._public.netloc or request.host}; see api.public_url"


async def _fields(request: web.Request) -> dict[str, str]:
    """Read a small form; a browser sends it at once and says how long it is."""
    size = request.content_length
    if request.content_type != "application/x-www-form-urlencoded" or size is None or size > FORM_BYTES_MAX:
        raise ProblemError(415, say("send the fields of the form, and nothing else"))
    await let_body_come(request)
    try:
        async with asyncio.timeout(FORM_SECONDS):
            body = await request.read()
    except TimeoutError:
        raise ProblemError(408, say("the form did not come in time"), headers={"Connection": "close"}) from None
    try:
        # In UTF-8, whatever it is said to be: so a browser sends the fields of a page that is.
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=FIELDS_MAX))
    except ValueError:
        raise ProblemError(415, say("send the fields of the form, and nothing else")) from None


def _next(path: str) -> str:
    return quote(path, safe="/?%=&+*") if NEXT.fullmatch(path) else "/"


def _root(request: web.Request) -> str:
    """Return the way from a request's address to the page's own."""
    return "../" * (request.path.count("/") - 1) or "./"


def _led_to(request: web.Request, path: str) -> web.Response:
    """Lead to another path of the page, as seen from here: below which path of a host we are, browsers know best."""
    headers = {"Location": _root(request) + path.removeprefix("/"), "Cache-Control": "no-store"}
    return web.Response(status=303, headers=headers)
