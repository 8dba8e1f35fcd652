"""What hostile callers and files get: an answer that gives nothing away, and a daemon that goes on as before."""

from __future__ import annotations

import csv
import io
import random
import re
import socket
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import openpyxl
import psutil
import pytest
import xlsxwriter
from api_caller import Api

from .request_mutations import mutated, seeds

if TYPE_CHECKING:
    from subprocess import Popen

    from .conftest import Headgate

MEGABYTE = 1 << 20
REQUESTS = 5_000
ANSWER_SECONDS = 0.5


@pytest.fixture
def small(sqlite_headgate: Headgate) -> Headgate:
    """A daemon that takes 1 MB and waits for a body for a second."""
    sqlite_headgate.settings["intake"]["max_file_mb"] = 1
    sqlite_headgate.settings["api"]["body_idle_seconds"] = 1
    sqlite_headgate.write_config()
    return sqlite_headgate


@contextmanager
def running(headgate: Headgate) -> Iterator[tuple[Api, Popen[bytes]]]:
    process = headgate.start_ready()
    yield Api(headgate.api_url, headgate.token), process
    assert process.poll() is None, headgate.tail()
    assert headgate.stop(process) == 0
    assert "request failed" not in headgate.log.read_text(errors="replace")


def exchange(headgate: Headgate, request: bytes, *, seconds: float = 10, until: bytes = b"\r\n\r\n") -> bytes:
    """Send raw bytes and return what comes back until the marker is in it, the other side closes or time is up."""
    with socket.create_connection(("127.0.0.1", headgate.settings["api"]["port"]), timeout=seconds) as connection:
        answer = b""
        try:
            connection.sendall(request)
            while chunk := connection.recv(65536):
                answer += chunk
                if until in answer:
                    break
        except (TimeoutError, ConnectionError):
            pass
        return answer


def post(headgate: Headgate, *headers: str, body: bytes = b"", query: str = "dataset=orders") -> bytes:
    lines = [f"POST /api/v1/jobs?{query} HTTP/1.1", "Host: x", f"Authorization: Bearer {headgate.token}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def spooled(headgate: Headgate) -> list[Path]:
    return list((headgate.folder / "var" / "spool").glob("*/jobs/*"))


# -- who is let in -----------------------------------------------------------------------------------------


def test_wrong_tokens_are_limited_and_right_ones_served(small: Headgate) -> None:
    with running(small) as (api, _):
        assert small.get(f"{api.url}/jobs")[0] == 401
        wrong = [Api(api.url, f"wrong-token-{number:04}")("/jobs") for number in range(25)]
        assert [answer.status for answer in wrong] == [401] * 20 + [429] * 5
        assert int(wrong[-1].headers["Retry-After"]) <= 60
        assert wrong[0].headers["WWW-Authenticate"] == "Bearer"
        assert api("/jobs").status == 200
        for header in ("Basic eDp5", "Bearer", "Bearer  ", f"bearer{small.token}", f"Token {small.token}"):
            raw = f"GET /api/v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: {header}\r\n\r\n"
            assert exchange(small, raw.encode()).split()[1] in {b"401", b"429"}, header


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("short", "could be guessed"),
        ("name role token-0123456789abcdef", "no such role"),
        ("a b c d", "neither a token alone"),
        ("x read token-0123456789abcdef\nx read token-0123456789abcdeg", "used before"),
        ("", "empty"),
    ],
)
def test_token_files_that_are_refused(small: Headgate, line: str, reason: str) -> None:
    file = small.folder / "var" / "api.token"
    file.parent.mkdir()
    file.touch(mode=0o600)
    file.write_text(line + "\n")
    done = small.command("run", "-c", small.config)
    assert done.returncode in {2, 3}
    assert reason in done.stderr
    assert "0123456789abcde" not in done.stderr


def test_a_token_file_that_others_can_read_is_refused(small: Headgate) -> None:
    file = small.folder / "var" / "api.token"
    file.parent.mkdir()
    file.write_text("token-0123456789abcdef\n")
    file.chmod(0o644)
    done = small.command("run", "-c", small.config)
    assert done.returncode in {2, 3}
    assert "chmod 600" in done.stderr


# -- bodies ------------------------------------------------------------------------------------------------


def test_bodies_that_are_too_large_or_too_slow(small: Headgate) -> None:
    with running(small) as (api, process):
        assert api.submit(bytes(2 * MEGABYTE)).status == 413
        chunk = b"10000\r\n" + bytes(0x10000) + b"\r\n"
        answer = exchange(small, post(small, "Transfer-Encoding: chunked", body=chunk * 40))
        assert answer.split()[1] == b"413"
        form = b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"\r\n\r\n' + bytes(2 * MEGABYTE)
        answer = exchange(
            small,
            post(
                small,
                "Content-Type: multipart/form-data; boundary=b",
                "Transfer-Encoding: chunked",
                body=b"%x\r\n" % len(form) + form + b"\r\n0\r\n\r\n",
            ),
        )
        assert answer.split()[1] == b"413"
        assert api.submit(b"x", Content_Encoding="gzip").status == 415
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", small.settings["api"]["port"]), timeout=20) as slow:
            slow.sendall(post(small, "Content-Length: 1000000", body=b"x"))
            answer = b""
            while b"408" not in answer and time.monotonic() < began + 15:
                slow.sendall(b"x")  # a byte now and then is not enough
                slow.settimeout(0.1)
                try:
                    answer += slow.recv(4096)
                except TimeoutError:
                    continue
        assert answer.startswith(b"HTTP/1.1 408")
        cut = exchange(small, post(small, "Content-Length: 100000", body=b"half"), seconds=0.2)
        assert cut == b""
        small.until(lambda: spooled(small) == [], "nothing is left in the spool", process=process, seconds=20)
        assert api("/jobs").json["jobs"] == []


HOSTILE_FORMS = {
    "no boundary": ("multipart/form-data", b"x"),
    "empty boundary": ('multipart/form-data; boundary=""', b"----"),
    "never begins": ("multipart/form-data; boundary=b", b"x" * 100_000),
    "never ends": ("multipart/form-data; boundary=b", b'--b\r\nContent-Disposition: form-data; name="f"; filename="x"'),
    "no disposition": ("multipart/form-data; boundary=b", b"--b\r\n\r\nx\r\n--b--\r\n"),
    "endless headers": ("multipart/form-data; boundary=b", b"--b\r\n" + b"X-A: b\r\n" * 10_000),
    "endless header": ("multipart/form-data; boundary=b", b"--b\r\nX-A: " + b"b" * 100_000),
    "many parts": (
        "multipart/form-data; boundary=b",
        b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\nx\r\n' * 1000 + b"--b--\r\n",
    ),
    "NUL in the name": (
        "multipart/form-data; boundary=b",
        (
            b'--b\r\nContent-Disposition: form-data; name="dataset"\r\n\r\nor\0ders\r\n'
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="a\0.xlsx"\r\n\r\nx\r\n--b--\r\n'
        ),
    ),
    "nested": ("multipart/mixed; boundary=b", b"--b\r\n\r\nx\r\n--b--\r\n"),
}


def test_hostile_forms(small: Headgate) -> None:
    with running(small) as (api, _):
        for name, (content_type, body) in HOSTILE_FORMS.items():
            answer = api("/jobs", method="POST", body=body, headers={"Content-Type": content_type})
            assert 400 <= answer.status < 500, (name, answer.status)
            assert answer.json["status"] == answer.status
        assert spooled(small) == []


# -- names -------------------------------------------------------------------------------------------------


def test_names_are_labels_and_end_no_header_and_no_line(small: Headgate, orders: Callable[..., Path]) -> None:
    names = {
        "..%2F..%2Fetc%2Fpasswd": "passwd",
        "C%3A%5Ctemp%5Corders.xlsx": "orders.xlsx",
        "a%0D%0AX-Evil%3A%201%0D%0A%0D%0A.xlsx": "aX-Evil: 1.xlsx",
        "%00%1B%5B31m.xlsx": "[31m.xlsx",
        "%2F": "upload",
        "n" * 3000: "n" * 255,
    }
    with running(small) as (api, _):
        for number, (name, label) in enumerate(names.items()):
            body = orders(small.folder / "o.xlsx", 3, start=number * 10, bad=(0,)).read_bytes()
            answer = api.submit(body, f"dataset=orders&name={name}")
            assert (answer.status, answer.json["file"]) == (201, label)
            assert "X-Evil" not in answer.headers
            job = api.wait(answer.json["id"])
            handed_back = api(f"/jobs/{job['id']}/rejects")
            assert handed_back.status == 200
            assert "X-Evil" not in handed_back.headers
        for path in ("/jobs/../../etc/passwd", "/jobs/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "/jobs/1%00", "/jobs/-1"):
            assert api(path).status == 404, path
        log = small.log.read_text()
        assert not re.search(r"^X-Evil", log, re.MULTILINE)
        assert "\x1b" not in log


# -- what is handed back, and loaded -----------------------------------------------------------------------

FORMULAS = ("=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1+1", '=HYPERLINK("x")')


def test_no_formula_is_handed_back(small: Headgate) -> None:
    path = small.folder / "formulas.xlsx"
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["订单号", "买家", "数量", "单价"])
        for row, text in enumerate(FORMULAS, start=1):
            for column, value in enumerate((f"{10**17 + row}", text, "many", 1)):
                sheet.write(row, column, value)
    with running(small) as (api, _):
        job = api.wait(api.submit(path.read_bytes()).json["id"])
        assert job["rows"]["rejected"] == len(FORMULAS)
        sheet = openpyxl.load_workbook(io.BytesIO(api(f"/jobs/{job['id']}/rejects").body)).worksheets[0]
        cells = [cell for row in sheet.iter_rows() for cell in row if str(cell.value).strip().startswith(tuple("=+-@"))]
        assert len(cells) >= len(FORMULAS)
        assert {cell.data_type for cell in cells} == {"s"}
        text = api(f"/jobs/{job['id']}/rejects?format=csv").body.decode("utf-8-sig")
        values = [value for row in csv.reader(io.StringIO(text)) for value in row]
        assert [value for value in values if value.startswith(tuple("=+-@\t\r"))] == []
        assert {f"'{formula}" for formula in FORMULAS} <= set(values)


def test_identifiers_and_values_with_quotes(headgate: Headgate) -> None:
    table, field = """or"de'rs; DROP TABLE x""", """na"me'--"""
    spec = (
        f"dataset: quoted\nversion: 1\nfields:\n  - {{name: {field!r}, type: string, header: [A]}}\n"
        f"load: {{table: {table!r}, mode: insert}}\n"
    )
    (headgate.folder / "datasets" / "quoted.yml").write_text(spec)
    text = """Robert'); DROP TABLE "students";--"""
    path = headgate.folder / "q.xlsx"
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet().write_column(0, 0, ["A", text])
    checked = headgate.command("check", "-c", headgate.config)
    if checked.returncode != 0:  # refused before anything is made of it is as good
        assert "quoted.yml" in checked.stderr
        return
    with running(headgate) as (api, _):
        job = api.wait(api.submit(path.read_bytes(), "dataset=quoted").json["id"])
        assert job["state"] == "loaded", job
        quoted = table.replace('"', '""')
        assert headgate.scalar(f'SELECT * FROM "{quoted}"') == text


def test_bombs_are_refused_and_the_rest_goes_on(small: Headgate, orders: Callable[..., Path]) -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", bytes(300 * MEGABYTE))
    entity = io.BytesIO()
    lol = "<!DOCTYPE l [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]><workbook>&b;</workbook>"
    with zipfile.ZipFile(entity, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("[Content_Types].xml", "xl/workbook.xml", "xl/worksheets/sheet1.xml"):
            archive.writestr(name, lol)
    with running(small) as (api, process):
        before = psutil.Process(process.pid).memory_info().rss
        jobs = [api.submit(body.getvalue()).json["id"] for body in (bomb, entity)]
        good = api.submit(orders(small.folder / "o.xlsx", 5).read_bytes()).json["id"]
        assert [api.wait(job, seconds=60)["state"] for job in (*jobs, good)] == ["rejected", "rejected", "loaded"]
        assert psutil.Process(process.pid).memory_info().rss - before < 50 * MEGABYTE


# -- anything at all ---------------------------------------------------------------------------------------


@pytest.mark.timeout(400)
def test_five_thousand_mutated_requests(small: Headgate, orders: Callable[..., Path]) -> None:
    """No 500, and nothing in any answer of where the daemon lives, what it keeps secret or how it failed."""
    small.settings["tasks"] = {"echo": "json:dumps"}
    small.write_config()
    book = orders(small.folder / "o.xlsx", 3, bad=(1,)).read_bytes()
    with running(small) as (api, process):
        api.wait(api.submit(book).json["id"])
        before = psutil.Process(process.pid).memory_info().rss
        dice = random.Random(20261125)  # a fuzzer that can be repeated
        bases = seeds(small.token, book)
        requests = [mutated(dice.choice(bases), dice) for _ in range(REQUESTS)]
        silent = socket.create_connection(("127.0.0.1", small.settings["api"]["port"]))
        silent.sendall(b"GET /api/v1/jobs HTTP/1.1\r\n")
        began = time.monotonic()
        with ThreadPoolExecutor(16) as pool:
            send = partial(exchange, small, seconds=ANSWER_SECONDS, until=b"\0\0\0")
            answers = list(pool.map(send, requests))
        secrets = (
            *(str(small.folder).encode(), small.token.encode(), b"Traceback", b'File "', b"site-packages"),
            *(b"sqlalchemy", b"sqlite3.", b"asyncpg", b"headgate_job"),
        )
        answered = 0
        for request, answer in zip(requests, answers, strict=True):
            assert not re.match(rb"HTTP/1\.\d 500", answer), (request, answer)
            assert not [secret for secret in secrets if secret in answer], (request, answer)
            answered += answer.startswith(b"HTTP/1.")
        assert answered > REQUESTS * 0.8
        assert psutil.Process(process.pid).memory_info().rss - before < 100 * MEGABYTE
        assert api("/jobs").status == 200
        # A connection whose first request never ends is closed after 30 seconds.
        silent.settimeout(max(1.0, began + 45 - time.monotonic()))
        while silent.recv(4096):
            pass
        silent.close()
    assert "Traceback" not in small.log.read_text(errors="replace")


def test_uploads_at_once_are_bounded(small: Headgate) -> None:
    small.settings["api"]["max_uploads"] = 1
    small.write_config()
    with running(small) as (api, _):
        with socket.create_connection(("127.0.0.1", small.settings["api"]["port"]), timeout=20) as first:
            first.sendall(post(small, "Content-Length: 1000000", body=bytes(20_000)))
            with ThreadPoolExecutor(1) as pool:
                second = pool.submit(api.submit, b"second")
                while not second.done():
                    first.sendall(bytes(20_000))  # fast enough to be let go on
                    time.sleep(0.2)
            assert second.result().status == 503
            assert second.result().headers["Retry-After"] == "5"
        small.until(lambda: api.submit(b"third").status == 201, "the place is free again", seconds=20)
