"""The page without a browser: what its answers carry, and what a forged request gets."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest

if TYPE_CHECKING:
    from .conftest import Headgate

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Answer:
    status: int
    headers: Mapping[str, str]
    body: str


@dataclass
class Visitor:
    """A browser as far as HTTP goes, with one cookie; `Secure` and `SameSite` are looked at by the tests."""

    port: int
    cookie: str | None = None
    set_cookies: list[str] = field(default_factory=list)

    def send(self, method: str, path: str, body: str | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.cookie:
            given["Cookie"] = self.cookie
        connection.request(method, path, body, given)
        response = connection.getresponse()
        answer = Answer(status=response.status, headers=dict(response.getheaders()), body=response.read().decode())
        connection.close()
        if "Set-Cookie" in answer.headers:
            self.set_cookies.append(answer.headers["Set-Cookie"])
            self.cookie = answer.headers["Set-Cookie"].partition(";")[0]
        return answer

    def sign_in(self, token: str, next_path: str = "/", **headers: str) -> Answer:
        return self.send("POST", "/login", urlencode({"token": token, "next": next_path}), **FORM, **headers)

    def session(self) -> dict[str, object]:
        answer = self.send("GET", "/page/session")
        assert answer.status == 200, answer.body
        return dict(json.loads(answer.body))


@pytest.fixture
def gate(sqlite_headgate: Headgate) -> Iterator[Headgate]:
    """A running daemon with three tokens."""
    secret = sqlite_headgate.folder / "var" / "api.token"
    secret.parent.mkdir()
    secret.write_text(f"root admin {'r' * 32}\nshop submit {'s' * 32}\nviewer read {'v' * 32}\n", encoding="utf-8")
    secret.chmod(0o600)
    process = sqlite_headgate.start_ready()
    yield sqlite_headgate
    assert sqlite_headgate.stop(process) == 0


@pytest.fixture
def visitor(gate: Headgate) -> Visitor:
    return Visitor(gate.settings["api"]["port"])


def test_the_door(visitor: Visitor) -> None:
    for path, led_to in (("/", "./login"), ("/jobs/7", "../login?next=/jobs/7")):
        answer = visitor.send("GET", path)
        assert (answer.status, answer.headers["Location"]) == (303, led_to)
    form = visitor.send("GET", "/login?next=/jobs/7")
    assert (form.status, 'value="/jobs/7"' in form.body) == (200, True)
    for elsewhere in ("//evil.example.com", "https://example.com/", "/jobs/7/../../x", "/\\example.com", '"><script>'):
        led = visitor.sign_in("r" * 32, next_path=elsewhere)
        assert (led.status, led.headers["Location"]) == (303, "./"), elsewhere
        assert elsewhere not in Visitor(visitor.port).send("GET", f"/login?{urlencode({'next': elsewhere})}").body


@pytest.mark.parametrize(
    "view", ["/?state=partial&text=may+2%2F3", "/datasets/auftr%C3%A4ge", "/draft"], ids=["filters", "dataset", "draft"]
)
def test_the_door_leads_to_what_was_asked_for(visitor: Visitor, view: str) -> None:
    led = visitor.send("GET", view).headers["Location"]
    [asked] = parse_qs(urlsplit(led).query)["next"]
    [shown] = re.findall('name="next" value="(.*?)"', visitor.send("GET", f"/{led.lstrip('./')}").body)
    assert unescape(shown) == quote(asked, safe="/?%=&+")
    assert visitor.sign_in("r" * 32, next_path=unescape(shown)).headers["Location"] == f".{view}"


def test_a_wrong_token(visitor: Visitor) -> None:
    for wrong in ("", "nonsense", "r" * 31, "r" * 5000, "\udcff", "<script>alert(1)</script>"):
        body = urlencode({"token": wrong.encode("utf-8", "surrogateescape")})
        answer = visitor.send("POST", "/login", body, **FORM)
        assert (answer.status, visitor.cookie) == (401, None)
        assert 'role="alert"' in answer.body
        assert wrong not in answer.body or not wrong
    assert visitor.send("GET", "/page/session").status == 401


def test_guessing_is_slowed_down(visitor: Visitor) -> None:
    answers = [visitor.sign_in(f"guess number {number}") for number in range(40)]
    assert [answer.status for answer in answers[:20]] == [401] * 20
    assert answers[-1].status == 429
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert "Wait a minute" in answers[-1].body


def test_the_cookie(visitor: Visitor) -> None:
    assert visitor.sign_in("s" * 32).status == 303
    [set_cookie] = visitor.set_cookies
    attributes = {part.strip().lower() for part in set_cookie.split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= attributes
    assert not any(part.startswith(("domain", "expires", "max-age")) for part in attributes)
    assert visitor.session()["name"] == "shop"
    assert visitor.send("GET", "/login").status == 303, "who is in need not sign in"


def test_roles_hold_behind_the_cookie(visitor: Visitor) -> None:
    visitor.sign_in("v" * 32)
    session = visitor.session()
    assert session["may_submit"] is False
    answer = visitor.send("POST", "/api/v1/jobs?name=orders.csv", "x", X_CSRF_Token=str(session["csrf"]))
    assert answer.status == 403, answer.body
    assert visitor.send("GET", "/api/v1/jobs").status == 200


def test_a_forged_request_changes_nothing(visitor: Visitor, gate: Headgate) -> None:
    visitor.sign_in("r" * 32)
    csrf = str(visitor.session()["csrf"])
    for path in ("/api/v1/jobs?name=orders.csv", "/api/v1/jobs/1/retry", "/api/v1/jobs/1/cancel"):
        for headers in ({}, {"X_CSRF_Token": "x" * len(csrf)}):
            answer = visitor.send("POST", path, "", **headers)
            assert (answer.status, "CSRF" in answer.body) == (403, True), path
    assert visitor.send("POST", "/logout", "csrf=wrong", **FORM).status == 403
    assert json.loads(visitor.send("GET", "/api/v1/jobs").body)["jobs"] == []
    accepted = visitor.send("POST", "/api/v1/jobs?name=orders.csv", "a,b\n", X_CSRF_Token=csrf)
    assert accepted.status == 201, accepted.body
    assert json.loads(accepted.body)["submitter"] == "root"
    gate.until(lambda: gate.all_finished(1), "the file has ended")


def test_nobody_is_signed_in_from_elsewhere(visitor: Visitor) -> None:
    own = f"127.0.0.1:{visitor.port}"
    for headers in (
        {"Origin": "https://example.com"},
        {"Origin": "null"},
        {"Origin": f"http://{own}", "Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ):
        answer = visitor.sign_in("r" * 32, **headers)
        assert (answer.status, visitor.cookie) == (403, None), headers
    assert visitor.sign_in("r" * 32, Origin=f"http://{own}", Sec_Fetch_Site="same-origin").status == 303


def test_a_refused_sign_in_says_why_in_the_log(visitor: Visitor, gate: Headgate) -> None:
    visitor.sign_in("r" * 32, Origin="https://example.com")
    visitor.sign_in("r" * 32, Sec_Fetch_Site="cross-site")
    for number in range(25):
        visitor.sign_in(f"guess number {number} of a secret")
    for reason in ("example.com", "cross-site", "unknown token", "too many wrong tokens"):
        gate.tells(reason)
    told = [line for line in gate.log.read_text().splitlines() if "sign-in refused" in line]
    assert all("reason=" in line and "address=127.0.0.1" in line for line in told)
    assert "of a secret" not in gate.log.read_text()


def test_signing_out(visitor: Visitor) -> None:
    visitor.sign_in("r" * 32)
    cookie, csrf = visitor.cookie, str(visitor.session()["csrf"])
    out = visitor.send("POST", "/logout", urlencode({"csrf": csrf}), **FORM)
    assert (out.status, out.headers["Location"]) == (303, "./login")
    visitor.cookie = cookie
    assert visitor.send("GET", "/page/session").status == 401, "the session is over, not only forgotten"


def test_nobody_is_signed_out_from_elsewhere(visitor: Visitor) -> None:
    visitor.sign_in("r" * 32)
    cookie, visitor.cookie = visitor.cookie, None  # it is `SameSite=Strict`: another site's form comes without it
    out = visitor.send("POST", "/logout", urlencode({"csrf": "x"}), **FORM, Sec_Fetch_Site="cross-site")
    assert (out.status, out.headers.get("Set-Cookie")) == (303, None)
    visitor.cookie = cookie
    assert visitor.session()["name"] == "root"


def test_the_password_of_a_proxy_is_no_token(visitor: Visitor) -> None:
    """A browser sends it with everything that it asks for behind such a proxy."""
    password = {"Authorization": "Basic b2ZmaWNlOnNlY3JldA=="}
    assert visitor.send("GET", "/page/session", **password).status == 401
    visitor.sign_in("r" * 32, **password)
    assert visitor.send("GET", "/page/session", **password).status == 200
    assert visitor.send("POST", "/-/reload", "", **password).status == 403, "the session's CSRF token is asked for"
    wrong = {"Authorization": f"Bearer {'x' * 32}"}
    assert visitor.send("GET", "/page/session", **wrong).status == 401, "a token counts more than the cookie"


def test_a_restart_of_the_daemon_ends_sessions(visitor: Visitor, gate: Headgate) -> None:
    visitor.sign_in("r" * 32)
    assert gate.stop(gate.processes[-1]) == 0
    gate.start_ready()
    assert visitor.send("GET", "/page/session").status == 401
    assert visitor.send("GET", "/").status == 303


@pytest.mark.parametrize("path", ["/login", "/static/page.css", "/static/main.js", "/static/icon.svg"])
def test_what_every_answer_carries(visitor: Visitor, path: str) -> None:
    answer = visitor.send("GET", path)
    assert answer.status == 200
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"


def test_files_are_sent_once(visitor: Visitor) -> None:
    first = visitor.send("GET", "/static/page.css")
    again = visitor.send("GET", "/static/page.css", If_None_Match=first.headers["ETag"])
    assert (again.status, again.body) == (304, "")
    assert "no-cache" in first.headers["Cache-Control"], "a new version is never met by old scripts"


@pytest.mark.parametrize(
    ("asked", "language", "words"),
    [("zh-Hans-CN,zh;q=0.9,en;q=0.8", "zh-CN", "登录"), ("de-AT", "de", "Anmelden"), ("fr", "en", "Sign in")],
)
def test_the_page_is_in_the_readers_language(visitor: Visitor, asked: str, language: str, words: str) -> None:
    door = visitor.send("GET", "/login", Accept_Language=asked)
    refused = visitor.sign_in("wrong", Accept_Language=asked)
    for answer in (door, refused):
        assert f'<html lang="{language}">' in answer.body
        assert words in answer.body
        assert answer.headers["Content-Language"] == language
        assert "Accept-Language" in answer.headers["Vary"]
    assert ("That token is not known here" in refused.body) == (language == "en")
    visitor.sign_in("r" * 32)
    view = visitor.send("GET", "/", Accept_Language=asked)
    assert f'<html lang="{language}">' in view.body
    assert {"Accept-Encoding", "Accept-Language"} <= {*view.headers["Vary"].split(", ")}
    again = visitor.send("GET", "/", Accept_Language=asked, If_None_Match=view.headers["ETag"])
    other = visitor.send(
        "GET", "/", Accept_Language="de" if language == "en" else "en", If_None_Match=view.headers["ETag"]
    )
    assert (again.status, other.status) == (304, 200), "what a browser keeps is of one language"
    messages = visitor.send("GET", f"/static/{language}.json")
    assert messages.status == (404 if language == "en" else 200), "English needs no catalogue"
    assert language == "en" or len(json.loads(messages.body)["{n} row"]) == {"zh-CN": 1, "de": 2}[language]


@pytest.mark.parametrize(
    "path", ["/static/login.html", "/static/../assets.py", "/static/%2e%2e/assets.py", "/static/", "/static/nothing.js"]
)
def test_no_other_file_is_sent(visitor: Visitor, path: str) -> None:
    assert visitor.send("GET", path).status == 404


def test_a_form_that_is_none(visitor: Visitor) -> None:
    for body, headers in (
        ("{}", {"Content-Type": "application/json"}),
        ("token=" + "r" * 20_000, FORM),
        ("x", {"Content-Type": "multipart/form-data; boundary=x"}),
    ):
        answer = visitor.send("POST", "/login", body, **headers)
        assert answer.status == 415, answer.body


def test_no_file_of_the_page_names_another_host(visitor: Visitor) -> None:
    visitor.sign_in("r" * 32)
    page = visitor.send("GET", "/").body
    names = set(re.findall(r"/static/([\w.]+)", page))
    scripts = {"main.js"}
    while scripts - names or scripts:
        name = scripts.pop()
        names.add(name)
        text = visitor.send("GET", f"/static/{name}").body
        scripts |= set(re.findall(r'from "\./([\w.]+)"', text)) - names
    assert {"main.js", "page.css", "icon.svg", "jobview.js", "mendgrid.js", "preact.mjs"} <= names
    for name in sorted(names):
        text = visitor.send("GET", f"/static/{name}").body
        assert not re.findall(r"https?://(?!www\.w3\.org/(?:2000/svg|1999/xhtml|1998/Math/MathML))", text), name
        if name != "preact.mjs":  # which writes markup where it is told to, and nobody tells it
            assert not re.findall(r"[iI]nnerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text), name
