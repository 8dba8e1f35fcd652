"""The page behind a real nginx that ends TLS, as docs/security.md says it: people sign in, the cookie is safe.

At the root of a host of its own, and below a path of another one.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin, urlsplit

import pytest
from browser import find_programs, running_browser
from certificates import Authority

from ..conftest import require_service
from .page_driver import PageDriver

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .conftest import Headgate

NGINX = """\
worker_processes 1;
daemon off;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{}}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    client_max_body_size 100k;
    location {path} {{
      proxy_pass http://127.0.0.1:{upstream}/;
      proxy_redirect / {path};
      proxy_request_buffering off;
      proxy_buffering off;
    }}
  }}
}}
"""


FORM = "application/x-www-form-urlencoded"


@dataclass
class Proxy:
    """A running nginx, and the path below which it has the page."""

    port: int
    path: str
    tls: ssl.SSLContext

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.port}"

    def ask(self, method: str, url: str, body: str = "", **headers: str) -> tuple[int, http.client.HTTPMessage, str]:
        connection = http.client.HTTPSConnection("localhost", self.port, timeout=20, context=self.tls)
        connection.request(method, url, body=body, headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, answer.headers, text

    def sign_in(self, token: str, origin: str) -> tuple[int, str, str]:
        """Return the status, the cookie and where the browser is led."""
        body, page = urlencode({"token": token, "next": "/jobs/7"}), f"{self.path}login"
        status, headers, _ = self.ask("POST", page, body, **{"Content-Type": FORM, "Origin": origin})
        return status, headers.get("Set-Cookie", ""), urljoin(page, headers.get("Location", ""))


@pytest.fixture(params=["/", "/headgate/"])
def proxy(
    request: pytest.FixtureRequest,
    sqlite_headgate: Headgate,
    nginx_binary: Path,
    free_port: Callable[[], int],
    tmp_path: Path,
    require_openssl: None,  # noqa: ARG001
) -> Iterator[Proxy]:
    """A daemon whose public address is that of an nginx, which ends TLS."""
    headgate, folder = sqlite_headgate, tmp_path / "nginx"
    folder.mkdir()
    authority = Authority(folder)
    pair = authority.issue("localhost", "DNS:localhost")
    context = ssl.create_default_context(cafile=str(authority.own.certificate))
    made = Proxy(port=free_port(), path=request.param, tls=context)
    text = NGINX.format(
        folder=folder,
        port=made.port,
        path=made.path,
        certificate=pair.certificate,
        key=pair.key,
        upstream=headgate.settings["api"]["port"],
    )
    (folder / "nginx.conf").write_text(text)
    headgate.settings["api"]["public_url"] = f"{made.origin}{made.path}"
    headgate.write_config()
    process = headgate.start_ready()
    nginx = subprocess.Popen([str(nginx_binary), "-c", str(folder / "nginx.conf"), "-p", str(folder)])
    try:
        headgate.until((folder / "nginx.pid").exists, "nginx listens")
        yield made
    finally:
        nginx.terminate()
        nginx.wait(20)
    assert headgate.stop(process) == 0


def test_people_sign_in_through_nginx(proxy: Proxy, sqlite_headgate: Headgate) -> None:
    token, elsewhere = sqlite_headgate.token, "https://elsewhere.example.com"
    status, cookie, led_to = proxy.sign_in(token, proxy.origin)
    assert (status, led_to) == (303, f"{proxy.path}jobs/7")
    assert {"Secure", "HttpOnly", "SameSite=Strict", f"Path={proxy.path}"} <= set(cookie.split("; "))
    status, _, text = proxy.ask("GET", f"{proxy.path}page/session", Cookie=cookie.partition(";")[0])
    assert (status, json.loads(text)["name"]) == (200, "admin")
    assert proxy.sign_in(token, elsewhere)[0] == 403
    assert proxy.sign_in(token, "null")[0] == 403
    assert proxy.sign_in("wrong", proxy.origin)[0] == 401
    sqlite_headgate.tells(f"the form came from {elsewhere}")
    sqlite_headgate.tells("unknown token")
    assert token not in sqlite_headgate.log.read_text()


def test_every_address_of_the_page_is_below_its_path(proxy: Proxy, sqlite_headgate: Headgate) -> None:
    _, cookie, _ = proxy.sign_in(sqlite_headgate.token, proxy.origin)
    status, headers, _ = proxy.ask("GET", f"{proxy.path}jobs/7")
    assert (status, urljoin(f"{proxy.path}jobs/7", headers["Location"])) == (303, f"{proxy.path}login?next=/jobs/7")
    signed_in = {"Cookie": cookie.partition(";")[0]}
    for view, who in (("", signed_in), ("jobs/7", signed_in), ("login", {})):
        status, _, text = proxy.ask("GET", proxy.path + view, **who)
        assert status == 200
        named = re.findall(r'(?:href|src|action)="([^"#]+)"', text)
        assert len(named) > 3
        for address in named:
            whole = urljoin(proxy.path + view, address)
            assert whole.startswith(proxy.path), (view, address)
            assert proxy.ask("GET", whole, **who)[0] in {200, 303, 405}, (view, address)
    job = f"{proxy.path}api/v1/jobs?dataset=orders&name=a.csv"
    bearer = {"Authorization": f"Bearer {sqlite_headgate.token}"}
    status, headers, _ = proxy.ask("POST", job, "x", **bearer)
    assert (status, urlsplit(headers["Location"]).path) == (201, f"{proxy.path}api/v1/jobs/1")


@pytest.mark.parametrize("proxy", ["/headgate/"], indirect=True)
def test_a_browser_goes_through_the_page_below_a_path(
    proxy: Proxy, sqlite_headgate: Headgate, orders: Callable[..., Path], tmp_path: Path
) -> None:
    headgate, programs = sqlite_headgate, find_programs()
    if programs is None:
        require_service("chromium", "install the system packages chromium and chromium-driver")
    assert programs is not None
    orders(headgate.inbox / "orders-1.xlsx", 5)
    headgate.until(lambda: headgate.all_finished(1), "a workbook is loaded")
    own = f"{proxy.origin}{proxy.path}"
    with running_browser(programs, tmp_path) as browser:
        # The authority was made a moment ago, and no browser knows it.
        browser.execute_cdp_cmd("Security.setIgnoreCertificateErrors", {"ignore": True})
        page = PageDriver(browser, own, tmp_path)
        page.sign_in(headgate.token, "jobs/1")
        page.until("it leads back", lambda: browser.current_url == f"{own}jobs/1")
        page.says("orders-1.xlsx")
        page.click("All jobs")
        page.until("the list has an address of its own", lambda: browser.current_url == own)
        page.click("orders-1.xlsx")
        page.until("and so has a job", lambda: browser.current_url == f"{own}jobs/1")
        page.one(".brand").click()
        page.until("the mark leads home", lambda: browser.current_url == own)
        page.says("live", "#live-text")
        large = tmp_path / "orders-large.csv"
        large.write_bytes(b"x" * 200_000)
        page.hand_in(large)
        assert "A proxy before the daemon takes no file of this size." in page.upload(large.name, "refused").text
        page.click("Sign out", "body")
        page.until("signed out", lambda: browser.current_url == f"{own}login")
