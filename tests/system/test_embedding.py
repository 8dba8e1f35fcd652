"""docs/embedding.md: every snippet as it stands there, in the frameworks themselves, against a real daemon."""

from __future__ import annotations

import asyncio
import importlib
import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol

import django
import httpx
import openpyxl
import pytest
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client as DjangoClient
from django.test.utils import override_settings

if TYPE_CHECKING:
    from .conftest import Headgate

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "embedding.md"
SNIPPET = re.compile(r"^```python\n# (\w+)\.py\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SUBMIT_ONLY = "s" * 32


class Application(Protocol):
    """An application that has embedded Headgate, as its users see it."""

    def post(self, name: str, content: bytes) -> tuple[int, dict[str, Any]]: ...

    def get(self, path: str) -> tuple[int, bytes]: ...


@dataclass
class FastApiApplication:
    app: Any

    def post(self, name: str, content: bytes) -> tuple[int, dict[str, Any]]:
        answer = asyncio.run(self._call("POST", "/orders/import", files={"workbook": (name, content)}))
        return answer.status_code, answer.json()

    def get(self, path: str) -> tuple[int, bytes]:
        answer = asyncio.run(self._call("GET", path))
        return answer.status_code, answer.content

    async def _call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            return await client.request(method, path, timeout=60, **arguments)


@dataclass
class DjangoApplication:
    client: DjangoClient

    def post(self, name: str, content: bytes) -> tuple[int, dict[str, Any]]:
        answer = self.client.post("/orders/import", {"workbook": SimpleUploadedFile(name, content)})
        return answer.status_code, answer.json()

    def get(self, path: str) -> tuple[int, bytes]:
        answer = self.client.get(path)
        return answer.status_code, answer.content


@dataclass
class FlaskApplication:
    client: Any

    def post(self, name: str, content: bytes) -> tuple[int, dict[str, Any]]:
        answer = self.client.post("/orders/import", data={"workbook": (io.BytesIO(content), name)})
        return answer.status_code, answer.json

    def get(self, path: str) -> tuple[int, bytes]:
        answer = self.client.get(path)
        return answer.status_code, answer.data


@pytest.fixture
def gate(sqlite_headgate: Headgate, monkeypatch: pytest.MonkeyPatch) -> Iterator[Headgate]:
    """A running daemon with the token of an application that may only submit."""
    secret = sqlite_headgate.folder / "var" / "api.token"
    secret.parent.mkdir()
    secret.write_text(f"root admin {'r' * 32}\nshop submit {SUBMIT_ONLY}\n", encoding="utf-8")
    secret.chmod(0o600)
    token = sqlite_headgate.folder / "shop.token"
    token.write_text(SUBMIT_ONLY + "\n", encoding="utf-8")
    monkeypatch.setenv("HEADGATE_URL", sqlite_headgate.api_url.removesuffix("/api/v1"))
    monkeypatch.setenv("HEADGATE_TOKEN_FILE", str(token))
    process = sqlite_headgate.start_ready()
    yield sqlite_headgate
    if process.poll() is None:
        assert sqlite_headgate.stop(process) == 0


@pytest.fixture
def snippet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Return a function that imports a snippet of the document by its name."""
    folder = tmp_path / "snippets"
    folder.mkdir()
    found = dict(SNIPPET.findall(DOCUMENT.read_text(encoding="utf-8")))
    for name, source in found.items():
        (folder / f"{name}.py").write_text(source, encoding="utf-8")
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(folder))

    def load(name: str) -> ModuleType:
        assert name in found, f"the document has no snippet {name}.py"
        module = importlib.import_module(name)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return load


@pytest.fixture(params=["fastapi", "django", "flask"])
def application(request: pytest.FixtureRequest, snippet: Callable[[str], ModuleType]) -> Iterator[Application]:
    request.getfixturevalue("gate")  # before the snippets are imported, which read the environment
    if request.param == "fastapi":
        yield FastApiApplication(snippet("fastapi_app").app)
    elif request.param == "flask":
        yield FlaskApplication(snippet("flask_app").app.test_client())
    else:
        if not django_settings.configured:
            django_settings.configure(ALLOWED_HOSTS=["testserver"], SECRET_KEY="of a test")  # noqa: S106
            django.setup()
        with override_settings(ROOT_URLCONF=snippet("django_views")):
            yield DjangoApplication(DjangoClient())


def ended(application: Application, gate: Headgate, number: int) -> dict[str, Any]:
    """Ask the application, as its page would, until the job has ended."""

    def state() -> dict[str, Any]:
        status, body = application.get(f"/orders/import/{number}")
        assert status == 200, body
        return dict(json.loads(body))

    gate.until(lambda: state()["state"] not in {"queued", "running"}, f"job {number} has ended")
    return state()


def test_an_upload_goes_through(application: Application, gate: Headgate, orders: Callable[..., Path]) -> None:
    book = orders(gate.folder / "april.xlsx", 40, bad=(3, 7))
    status, job = application.post("april.xlsx", book.read_bytes())
    assert status == 202, job
    state = ended(application, gate, job["job"])
    assert (state["state"], state["rows"]["inserted"]) == ("partial", 38)
    assert [record["cell"] for record in state["errors"]] == ["C5", "C9"]
    status, content = application.get(f"/orders/import/{job['job']}/rejected.xlsx")
    assert status == 200
    sheet = openpyxl.load_workbook(io.BytesIO(content))["订单"]
    assert sheet.max_row == 3
    assert gate.scalar("SELECT count(*) FROM orders") == "38"


def test_a_large_upload_is_streamed(application: Application, gate: Headgate, orders: Callable[..., Path]) -> None:
    book = orders(gate.folder / "large.xlsx", 150_000)
    content = book.read_bytes()
    assert len(content) > 3_000_000, "beyond what Django keeps in memory"
    status, job = application.post("large.xlsx", content)
    assert status == 202, job
    assert ended(application, gate, job["job"])["rows"]["inserted"] == 150_000


def test_what_goes_wrong_is_told(application: Application, gate: Headgate, orders: Callable[..., Path]) -> None:
    status, job = application.post("orders.xlsx", b"no workbook at all \0\1")
    assert status == 202, "nothing is parsed before the answer"
    assert ended(application, gate, job["job"])["state"] == "rejected"
    assert application.get("/orders/import/4711")[0] == 404
    assert application.get(f"/orders/import/{job['job']}/rejected.xlsx")[0] == 409
    orders(gate.inbox / "orders of somebody else.xlsx", 3)
    gate.until(lambda: len(gate.jobs()) == 2, "the other job is there")
    assert application.get("/orders/import/2")[0] == 404, "an application sees what it handed in itself"
    (gate.folder / "shop.token").write_text("not the token any more")
    assert application.post("orders.xlsx", b"x")[0] == 401
    (gate.folder / "shop.token").write_text(SUBMIT_ONLY)
    assert gate.stop(gate.processes[-1]) == 0
    status, answer = application.post("orders.xlsx", b"x")
    assert (status, "try again" in answer["detail"]) == (503, True)
    for path in ("/orders/import/1", "/orders/import/1/rejected.xlsx"):
        status, content = application.get(path)
        assert (status, b"try again" in content) == (503, True)


def test_a_repeated_request_is_one_job(snippet: Callable[[str], ModuleType], gate: Headgate) -> None:
    handover = snippet("handover")
    given = {"name": "orders.csv", "dataset": "orders", "key": "the-same"}
    first = handover.submit([b"a,b\n"], **given)
    assert handover.submit([b"a,", b"b\n"], **given)["id"] == first["id"]
    with pytest.raises(handover.NotTakenError) as caught:
        handover.submit([b"something else"], **given)
    assert caught.value.status == 422
    with pytest.raises(handover.NotTakenError) as caught:
        handover.submit([b"x"], name="x", dataset="nonsense", key="another")
    assert (caught.value.status, "the datasets are" in caught.value.message) == (422, True)
    assert len(gate.jobs()) == 1


async def test_nothing_is_missed_over_a_restart(
    snippet: Callable[[str], ModuleType], gate: Headgate, orders: Callable[..., Path]
) -> None:
    seen: list[dict[str, Any]] = []
    news = asyncio.Event()

    async def act(event: dict[str, Any]) -> None:
        seen.append(event)
        news.set()

    def loaded() -> list[str]:
        return [event["file"] for event in seen if event["event"] == "loaded"]

    async def until_loaded(count: int) -> None:
        async with asyncio.timeout(60):
            while len(loaded()) < count:
                await news.wait()
                news.clear()

    handover, following = snippet("handover"), snippet("following")
    task = asyncio.create_task(following.follow(act))
    try:
        await asyncio.sleep(1)
        given = {"dataset": "orders", "name": "first.xlsx", "key": "1"}
        await asyncio.to_thread(handover.submit, [orders(gate.folder / "1.xlsx", 3).read_bytes()], **given)
        await until_loaded(1)
        assert await asyncio.to_thread(gate.stop, gate.processes[-1]) == 0
        await asyncio.to_thread(gate.start_ready)
        given = {"dataset": "orders", "name": "second.xlsx", "key": "2"}
        await asyncio.to_thread(handover.submit, [orders(gate.folder / "2.xlsx", 3, start=10).read_bytes()], **given)
        await until_loaded(2)
    finally:
        task.cancel()
    assert loaded() == ["first.xlsx", "second.xlsx"]
    numbers = [int(event["id"]) for event in seen]
    assert numbers == sorted(set(numbers)), "each event comes once, in order"


def test_a_file_is_dropped_whole(
    snippet: Callable[[str], ModuleType], gate: Headgate, orders: Callable[..., Path]
) -> None:
    snippet("dropping").drop(orders(gate.folder / "orders.xlsx", 5), gate.inbox)
    gate.until(lambda: gate.all_finished(1), "the file is loaded")
    assert gate.scalar("SELECT count(*) FROM orders") == "5"


def test_every_snippet_is_looked_at() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    names = {name for name, _ in SNIPPET.findall(text)}
    assert names == {"handover", "fastapi_app", "django_views", "flask_app", "following", "dropping"}
    assert text.count("```python") == len(names)
