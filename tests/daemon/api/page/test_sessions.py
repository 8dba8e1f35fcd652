"""Sessions of the page: how they begin, what they must carry, and how they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from aiohttp.test_utils import make_mocked_request

from daemon.api.auth import Principal
from daemon.api.page import sessions as page_sessions
from daemon.api.page.sessions import IDLE_SECONDS, LONGEST_SECONDS, Sessions
from daemon.api.problems import ProblemError

if TYPE_CHECKING:
    from aiohttp import web

ANNA = Principal(name="anna", roles=frozenset({"submit", "read"}))


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Tokens:
    """The names that still have a token."""

    def __init__(self) -> None:
        self.names = {"anna"}

    def __call__(self, principal: Principal) -> bool:
        return principal.name in self.names


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
def sessions(clock: Clock, tokens: Tokens) -> Sessions:
    return Sessions("headgate", tokens, clock)


def request(cookie: str, method: str = "GET", csrf: str | None = None) -> web.Request:
    headers = {"Cookie": f"headgate={cookie}"} | ({"X-CSRF-Token": csrf} if csrf is not None else {})
    return make_mocked_request(method, "/", headers=headers)


def test_a_session_is_known_by_its_cookie_alone(sessions: Sessions) -> None:
    cookie = sessions.open(ANNA)
    assert sessions.principal(request(cookie)) == ANNA
    assert sessions.principal(request("made up")) is None
    assert sessions.principal(make_mocked_request("GET", "/")) is None
    assert cookie not in repr(sessions.__dict__), "the cookie itself is not kept"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_what_changes_something_needs_the_csrf_token(sessions: Sessions, method: str) -> None:
    cookie, other = sessions.open(ANNA), sessions.open(ANNA)
    session = sessions.find(request(cookie))
    assert session is not None
    assert sessions.principal(request(cookie, method, session.csrf)) == ANNA
    theirs = sessions.find(request(other))
    assert theirs is not None
    for wrong in (None, "", "ü", session.csrf[:-1], theirs.csrf):
        with pytest.raises(ProblemError) as caught:
            sessions.principal(request(cookie, method, wrong))
        assert caught.value.status == 403


def test_an_idle_session_ends(sessions: Sessions, clock: Clock) -> None:
    cookie = sessions.open(ANNA)
    clock.now += IDLE_SECONDS - 1
    assert sessions.find(request(cookie)) is not None
    clock.now += IDLE_SECONDS - 1
    assert sessions.find(request(cookie)) is not None, "its use has kept it"
    clock.now += IDLE_SECONDS + 1
    assert sessions.find(request(cookie)) is None
    clock.now -= IDLE_SECONDS
    assert sessions.find(request(cookie)) is None, "what has ended stays ended"


def test_a_session_in_constant_use_ends_too(sessions: Sessions, clock: Clock) -> None:
    cookie, began = sessions.open(ANNA), clock.now
    while clock.now - began < LONGEST_SECONDS:
        assert sessions.find(request(cookie)) is not None
        clock.now += IDLE_SECONDS / 2
    clock.now = began + LONGEST_SECONDS + 1
    assert sessions.find(request(cookie)) is None


def test_a_session_ends_with_its_token_and_with_signing_out(sessions: Sessions, tokens: Tokens) -> None:
    cookie, other = sessions.open(ANNA), sessions.open(ANNA)
    sessions.close(request(other))
    assert sessions.find(request(other)) is None
    assert sessions.find(request(cookie)) is not None
    tokens.names.clear()
    assert sessions.find(request(cookie)) is None


def test_sessions_are_bounded(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page_sessions, "SESSIONS_MAX", 3)
    first, second, third = (sessions.open(ANNA) for _ in range(3))
    sessions.find(request(first))
    fourth = sessions.open(ANNA)
    alive = [sessions.find(request(cookie)) is not None for cookie in (first, second, third, fourth)]
    assert alive == [True, False, True, True], "the one that was used longest ago has made room"
