"""The exporter behind a web.yml, with real TLS: who gets in, who does not, and that changes are followed."""

from __future__ import annotations

import asyncio
import base64
import http.client
import logging
import shutil
import ssl
import subprocess
import threading
import time
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import bcrypt
import pytest
from certificates import Authority, Pair
from prometheus_client import CollectorRegistry, Gauge

from daemon.exporter import web_guard
from daemon.exporter.server import Exporter
from daemon.exporter.web_guard import WebGuard
from daemon.lifecycle import listener
from daemon.lifecycle.certificates import validity_of

Serve = Callable[[str], AbstractAsyncContextManager["Client"]]

HASHES = {name: bcrypt.hashpw(word.encode(), bcrypt.gensalt(4)).decode() for name, word in (("alice", "wonder"),)}
TLS = "tls_server_config: {cert_file: server.pem, key_file: server.key"


class Client:
    """Speaks to one exporter."""

    def __init__(self, port: int, path: Path, authority: Authority) -> None:
        self._port, self.path, self._authority = port, path, authority

    async def get(self, *, user: str | None = None, pair: Pair | None = None, version: str = "TLSv1_3") -> int:
        """Return the status; an SSLError or a connection that is reset is raised."""
        return await asyncio.to_thread(self._get, user, pair, version)

    def context(self, pair: Pair | None = None, version: str = "TLSv1_3") -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self._authority.own.certificate))
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        with warnings.catch_warnings(action="ignore"):  # that the old ones are deprecated is the point
            context.maximum_version = ssl.TLSVersion[version]
        context.set_ciphers("ALL:@SECLEVEL=0")
        if pair is not None:
            context.load_cert_chain(pair.certificate, pair.key)
        return context

    def _get(self, user: str | None, pair: Pair | None, version: str) -> int:
        headers = {} if user is None else {"Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"}
        if "tls_server_config" in self.path.read_text():
            connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                "localhost", self._port, timeout=10, context=self.context(pair, version)
            )
        else:
            connection = http.client.HTTPConnection("localhost", self._port, timeout=10)
        try:
            connection.request("GET", "/metrics", headers=headers)
            answer = connection.getresponse()
            body = answer.read()
            assert (answer.status == 200) == (b"headgate_test 5.0" in body)
            self.headers = dict(answer.headers)
            return answer.status
        finally:
            connection.close()


@pytest.fixture
def authority(tmp_path: Path, require_openssl: None) -> Authority:  # noqa: ARG001
    return Authority(tmp_path)


@pytest.fixture
def serve(tmp_path: Path, authority: Authority) -> Serve:
    """Serve a registry behind the web.yml of the given text."""
    authority.issue("server", "DNS:localhost")
    path = tmp_path / "web.yml"

    @asynccontextmanager
    async def serving(text: str) -> AsyncIterator[Client]:
        path.write_text(text)
        registry = CollectorRegistry()
        Gauge("headgate_test", "A test.", registry=registry).set(5)
        async with Exporter(
            registry, host="127.0.0.1", port=0, healthy=lambda: None, ready=lambda: None, guard=WebGuard(path)
        ) as exporter:
            yield Client(exporter.port, path, authority)

    return serving


async def refused(answer: Awaitable[int]) -> bool:
    try:
        return await answer == 403
    except (ssl.SSLError, ConnectionError, http.client.RemoteDisconnected):
        return True


async def test_tls_from_version_12_on(serve: Serve) -> None:
    async with serve(f"{TLS}}}") as client:
        assert await client.get() == 200
        assert await client.get(version="TLSv1_2") == 200
        assert await refused(client.get(version="TLSv1_1"))
    async with serve(f"{TLS}, min_version: TLS13}}") as client:
        assert await client.get() == 200
        assert await refused(client.get(version="TLSv1_2"))


async def test_plain_http_is_no_way_around_tls(serve: Serve) -> None:
    async with serve(f"{TLS}}}") as client:
        client.path.write_text("{}")  # makes the client speak plainly
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            await client.get()


async def test_clients_must_show_a_certificate_of_the_authority(
    serve: Serve, authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "stranger").mkdir()
    own = authority.issue("prometheus", "DNS:prometheus")
    stranger = Authority(tmp_path / "stranger").issue("prometheus", "DNS:prometheus")
    mutual = f"{TLS}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: authority.pem"
    async with serve(f"{mutual}}}") as client:
        assert await client.get(pair=own) == 200
        assert await refused(client.get())
        assert await refused(client.get(pair=stranger))
    async with serve(f"{mutual}, client_allowed_sans: [grafana, prometheus]}}") as client:
        assert await client.get(pair=own) == 200
        assert await client.get(pair=authority.issue("other", "DNS:other")) == 403
        assert await client.get(pair=authority.issue("nameless")) == 403
    optional = mutual.replace("RequireAndVerify", "Verify").replace("ClientCert,", "ClientCertIfGiven,")
    async with serve(f"{optional}}}") as client:
        assert await client.get() == 200
        assert await refused(client.get(pair=stranger))


async def test_users_by_their_passwords(serve: Serve) -> None:
    async with serve(f"basic_auth_users: {{alice: '{HASHES['alice']}'}}") as client:
        assert await client.get() == 401
        assert client.headers["WWW-Authenticate"] == "Basic"
        for wrong in ("alice:rabbit", "alice:", "bob:wonder", "bob:nobody", ":", "alice", "alice:wonder\0"):
            assert await client.get(user=wrong) == 401, wrong
        assert await client.get(user="alice:wonder") == 200
        assert await client.get(user="alice:rabbit") == 401


@pytest.mark.slow
async def test_passwords_are_checked_once_and_off_the_loop(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[str] = []
    check, begun, go_on = bcrypt.checkpw, threading.Event(), threading.Event()

    def slow(password: bytes, hashed: bytes) -> bool:
        threads.append(threading.current_thread().name)
        begun.set()
        assert go_on.wait(20), "who is known waits for nobody's guesses"
        return check(password, hashed)

    async with serve(f"basic_auth_users: {{alice: '{HASHES['alice']}'}}") as client:
        assert await client.get(user="alice:wonder") == 200
        monkeypatch.setattr(bcrypt, "checkpw", slow)
        guessing = [asyncio.create_task(client.get(user=f"alice:{number}")) for number in range(4)]
        assert await asyncio.to_thread(begun.wait, 20)
        assert await client.get(user="alice:wonder") == 200
        go_on.set()
        assert await asyncio.gather(*guessing) == [401] * 4
        assert await client.get(user="alice:3") == 401
    assert len(threads) == 4, "each password once"
    assert "exporter" not in threads


@pytest.mark.slow
async def test_guessing_does_not_keep_the_machine_busy(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_guard, "WAITING_MAX", 2)
    monkeypatch.setattr(bcrypt, "checkpw", lambda *_: time.sleep(0.5))
    async with serve(f"basic_auth_users: {{alice: '{HASHES['alice']}'}}") as client:
        answers = await asyncio.gather(*(client.get(user=f"alice:{number}") for number in range(6)))
    assert sorted(answers)[:2] == [401, 401]
    assert answers.count(429) >= 1


async def test_headers(serve: Serve) -> None:
    async with serve("http_server_config: {headers: {X-Frame-Options: deny}}") as client:
        assert await client.get() == 200
        assert client.headers["X-Frame-Options"] == "deny"


async def test_a_changed_file_is_followed_and_a_wrong_one_is_not(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(web_guard, "LOOK_SECONDS", 0.0)
    async with serve("{}") as client:
        assert await client.get() == 200
        client.path.write_text(f"basic_auth_users: {{alice: '{HASHES['alice']}'}}")
        assert await client.get() == 401
        assert await client.get(user="alice:wonder") == 200
        client.path.write_text("basic_auth_users: {alice: plain}")
        assert await client.get(user="alice:wonder") == 200
        client.path.unlink()
        client.path.with_suffix(".new").write_text("{}")
        client.path.with_suffix(".new").replace(client.path)
        assert await client.get() == 200
    told = [record.message for record in caplog.records if record.message.startswith("web configuration")]
    assert "web configuration taken" in told
    assert "web configuration not taken" in told


async def test_a_renewed_certificate_counts_for_new_connections(
    serve: Serve, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_guard, "LOOK_SECONDS", 0.0)
    async with serve(f"{TLS}}}") as client:
        before = await asyncio.to_thread(_shown, client)
        authority.issue("server", "DNS:localhost")
        assert await client.get() == 200  # looks at the files
        after = await asyncio.to_thread(_shown, client)
        assert after != before
        assert await client.get() == 200


async def test_a_rotated_authority_is_followed_in_both_directions_without_a_request(
    serve: Serve, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has a certificate of the new authority is refused as long as nobody looks, and nobody else can ask."""
    monkeypatch.setattr(listener, "CUT_SECONDS", 0.5)
    (tmp_path / "next").mkdir()
    withdrawn = authority.issue("prometheus", "DNS:prometheus")
    following = Authority(tmp_path / "next")
    renewed = following.issue("prometheus", "DNS:prometheus")
    mutual = f"{TLS}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: client-ca.pem"
    shutil.copy(authority.own.certificate, tmp_path / "client-ca.pem")
    async with serve(f"{mutual}}}") as client:
        assert await client.get(pair=withdrawn) == 200
        assert await refused(client.get(pair=renewed))
        kept = await asyncio.to_thread(_connected, client, withdrawn)
        shutil.copy(following.own.certificate, tmp_path / "client-ca.new")
        (tmp_path / "client-ca.new").replace(tmp_path / "client-ca.pem")
        for _ in range(50):
            await asyncio.sleep(0.2)
            if not await refused(client.get(pair=renewed)):
                break
        assert await client.get(pair=renewed) == 200
        assert await refused(client.get(pair=withdrawn)), "the authority was withdrawn"
        with pytest.raises((ConnectionError, http.client.HTTPException, ssl.SSLError)):
            await asyncio.to_thread(_ask_again, kept)


async def test_a_certificate_that_has_ended_is_refused(serve: Serve, authority: Authority) -> None:
    ended = authority.issue_ended("ended")
    mutual = f"{TLS}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: authority.pem"
    async with serve(f"{mutual}}}") as client:
        assert await refused(client.get(pair=ended))
        assert await client.get(pair=authority.issue("valid", "DNS:prometheus")) == 200


def test_how_long_a_certificate_holds_is_read_from_it(authority: Authority) -> None:
    for days in (1, 30, 365 * 40):
        pair = authority.issue("some", "DNS:some", days=days)
        told = subprocess.run(
            ["openssl", "x509", "-in", str(pair.certificate), "-noout", "-dates"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.splitlines()
        begins_at, ends_at = (ssl.cert_time_to_seconds(line.partition("=")[2]) for line in told)
        assert validity_of(pair.certificate.read_text()) == (begins_at, ends_at)


def _connected(client: Client, pair: Pair) -> http.client.HTTPSConnection:
    """Return a connection that is kept after its first request."""
    connection = http.client.HTTPSConnection("localhost", client._port, timeout=10, context=client.context(pair))
    connection.request("GET", "/-/healthy")
    assert connection.getresponse().read()
    connection.auto_open = 0
    return connection


def _ask_again(connection: http.client.HTTPSConnection) -> None:
    connection.request("GET", "/-/healthy")
    connection.getresponse().read()


def _shown(client: Client) -> bytes:
    connection = http.client.HTTPSConnection("localhost", client._port, timeout=10, context=client.context())
    connection.connect()
    try:
        socket = connection.sock
        assert isinstance(socket, ssl.SSLSocket)
        return socket.getpeercert(binary_form=True) or b""
    finally:
        connection.close()
