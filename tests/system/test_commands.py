"""The commands that speak to a running daemon: bars, tables, lines, completion, and what is said when none answers."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

import click
import psutil
import pytest
from certificates import Authority
from daemon_processes import WORKER, frozen, named
from terminal import Terminal

from daemon.cli.main import commands

if TYPE_CHECKING:
    from .conftest import Headgate


@pytest.fixture
def gate(sqlite_headgate: Headgate) -> Iterator[Headgate]:
    """A running daemon with one worker: what it works on nobody else does."""
    sqlite_headgate.settings["executors"] = {"cpu_workers": 1}
    sqlite_headgate.write_config()
    process = sqlite_headgate.start_ready()
    yield sqlite_headgate
    if process.poll() is None:
        assert sqlite_headgate.stop(process) == 0


def terminal(gate: Headgate, *arguments: object) -> Terminal:
    return Terminal([gate.binary, *map(str, arguments)], cwd=gate.folder, environ=gate.environ())


# -- submit ----------------------------------------------------------------------------------------------


def test_bars_and_a_final_table(gate: Headgate, orders: Callable[..., Path]) -> None:
    files = [orders(gate.folder / f"orders [{n}].xlsx", 2_000, start=n * 10_000, bad=(3,) if n else ()) for n in (0, 1)]
    with terminal(gate, "submit", *files, "--wait") as screen:
        assert screen.read_all() == 1, "rows were rejected"
        text = screen.text
    for stage in ("sending", "orders [0].xlsx", "orders [1].xlsx"):
        assert stage in text, text
    assert any(stage in text for stage in ("waiting", "reading", "loading"))
    heads = list(re.finditer("job +state +dataset +file", text))
    assert len(heads) == 1, text
    table = text[heads[0].start() :]
    assert "orders [1].xlsx" in table
    assert "partial" in table
    assert "1999" in table
    assert "\x1b[3" in screen.written.decode(), "states are coloured"


def test_plain_where_it_is_no_terminal(gate: Headgate, orders: Callable[..., Path]) -> None:
    done = gate.command("submit", orders(gate.folder / "orders.xlsx", 20), "--wait")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    head, row = (line.split("\t") for line in done.stdout.splitlines())
    assert head == ["job", "state", "dataset", "file", "rows", "loaded", "rejected", "at", "what"]
    assert row[:7] == ["1", "loaded", "orders", "orders.xlsx", "20", "20", "0"]


def test_a_refused_file_holds_up_no_other(gate: Headgate, orders: Callable[..., Path]) -> None:
    files = [orders(gate.folder / name, 5, start=start) for start, name in ((0, "what.xlsx"), (50, "orders.xlsx"))]
    done = gate.command("submit", *files, "--wait", "--json")
    assert done.returncode == 1
    assert done.stderr.startswith("headgate: what.xlsx: file.no_spec: ")
    [job] = map(json.loads, done.stdout.splitlines())
    assert (job["file"], job["state"]) == ("orders.xlsx", "loaded")


def test_waiting_survives_a_restart_of_the_daemon(gate: Headgate, orders: Callable[..., Path]) -> None:
    book = orders(gate.folder / "orders.xlsx", 60_000)
    command: list[str | Path] = [gate.binary, "submit", book, "--wait", "--json"]
    with subprocess.Popen(command, cwd=gate.folder, env=gate.environ(), stdout=subprocess.PIPE, text=True) as waiting:
        gate.until(lambda: any(job["state"] == "running" for job in gate.jobs()), "the file was taken, and answered")
        gate.processes[-1].kill()
        gate.processes[-1].wait(10)
        gate.start_ready()
        out, _ = waiting.communicate(timeout=100)
    assert waiting.returncode == 0
    assert json.loads(out)["state"] == "loaded"
    assert gate.scalar("SELECT count(*) FROM orders") == "60000"
    assert gate.stop(gate.processes[-1]) == 0


def test_what_was_taken_is_told_when_the_daemon_goes_away(gate: Headgate, orders: Callable[..., Path]) -> None:
    first = orders(gate.folder / "orders-1.xlsx", 5)
    pipe = gate.folder / "orders-2.xlsx"
    os.mkfifo(pipe)
    command: list[str | Path] = [gate.binary, "submit", first, pipe, "--json"]
    with (
        subprocess.Popen(
            command, cwd=gate.folder, env=gate.environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as sending,
        pipe.open("wb") as slow,
    ):
        slow.write(b"the beginning")
        slow.flush()
        gate.until(lambda: gate.all_finished(1), "the first file is taken")
        gate.processes[-1].kill()
        gate.processes[-1].wait(10)
        with suppress(BrokenPipeError):
            slow.write(b"x" * (1 << 20))
            slow.close()
        out, err = sending.communicate(timeout=60)
    assert sending.returncode == 3
    assert [json.loads(line)["file"] for line in out.splitlines()] == ["orders-1.xlsx"]
    assert "no daemon answers" in err


# -- jobs ------------------------------------------------------------------------------------------------


def test_watching_in_a_terminal(gate: Headgate, orders: Callable[..., Path]) -> None:
    with terminal(gate, "jobs", "--watch") as screen:
        screen.read_until("rejected")
        orders(gate.inbox / "orders.xlsx", 30)
        screen.read_until("orders.xlsx")
        screen.read_until("loaded  orders")
        screen.process.send_signal(signal.SIGINT)
        assert screen.read_all() == 0, "Ctrl-C is how one leaves"
    assert "Traceback" not in screen.text


def handed_on(out: Iterable[str], lines: SimpleQueue[str]) -> None:
    for line in out:
        lines.put(line)


def test_watching_into_a_pipe(gate: Headgate, orders: Callable[..., Path]) -> None:
    command: list[str | Path] = [gate.binary, "jobs", "--watch", "--json", "--dataset", "orders"]
    with subprocess.Popen(command, cwd=gate.folder, env=gate.environ(), stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None
        listening = psutil.Process(watching.pid)
        gate.until(
            lambda: any(one.status == psutil.CONN_ESTABLISHED for one in listening.net_connections()),
            "the command is connected",
        )
        lines: SimpleQueue[str] = SimpleQueue()
        Thread(target=handed_on, args=(watching.stdout, lines), daemon=True).start()
        # Its request follows, nobody knows when: what it is not told of the first file, it is of a later one.
        for number in range(10):
            orders(gate.inbox / f"orders-{number}.xlsx", 30, start=number * 100)
            with suppress(Empty):
                states = [json.loads(lines.get(timeout=5))["state"]]
                break
        while "loaded" not in states:
            states.append(json.loads(lines.get(timeout=60))["state"])
        watching.send_signal(signal.SIGINT)
        assert watching.wait(20) == 0
    assert set(states) <= {"queued", "running", "loaded"}


def test_the_list_is_filtered(gate: Headgate, orders: Callable[..., Path]) -> None:
    for number in range(3):
        orders(gate.inbox / f"orders-{number}.xlsx", 10, start=number * 100, bad=(1,) if number == 1 else ())
    gate.until(lambda: gate.all_finished(3), "all have ended")

    def files(*arguments: str) -> list[str]:
        done = gate.command("jobs", *arguments, "--json")
        assert done.returncode == 0, done.stderr
        return sorted(json.loads(line)["file"] for line in done.stdout.splitlines())

    assert files() == ["orders-0.xlsx", "orders-1.xlsx", "orders-2.xlsx"]
    assert files("--state", "partial") == ["orders-1.xlsx"]
    assert files("--file", "ORDERS-2") == ["orders-2.xlsx"]
    assert files("--dataset", "nothing") == []
    assert len(files("--limit", "2")) == 2
    wrong = gate.command("jobs", "--state", "lost")
    assert (wrong.returncode, "'lost' is not one of" in wrong.stderr) == (2, True)


# -- retry and cancel ------------------------------------------------------------------------------------


def test_cancel_and_retry(gate: Headgate, orders: Callable[..., Path]) -> None:
    done = gate.command("submit", orders(gate.folder / "orders-1.xlsx", 5), "--wait")
    assert done.returncode == 0, done.stderr
    with frozen(named(WORKER, gate.processes[-1].pid)):
        done = gate.command("submit", orders(gate.folder / "orders-2.xlsx", 5, start=50), "--json")
        number = json.loads(done.stdout)["id"]
        done = gate.command("cancel", number, 1, 99, "--json")
        assert done.returncode == 3
        assert json.loads(done.stdout)["id"] == number
        complaints = done.stderr.splitlines()
        assert complaints[0].startswith("headgate: job 1: job 1 has ended")
        assert complaints[1].startswith("headgate: job 99: there is no job 99")
        gate.until(lambda: gate.jobs()[0]["state"] == "cancelled", "it is cancelled")
    done = gate.command("retry", number)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].split("\t")[:2] == [str(number), "queued"]
    gate.until(lambda: gate.jobs()[0]["state"] == "loaded", "it is loaded")
    again = gate.command("retry", number)
    assert (again.returncode, again.stdout) == (3, "")
    assert "is loaded; only dead, cancelled, dismissed jobs are retried" in again.stderr


def test_rejects_for_machines(gate: Headgate, orders: Callable[..., Path]) -> None:
    gate.command("submit", orders(gate.folder / "orders.xlsx", 20, bad=(1,)), "--wait")
    out = gate.folder / "back.csv"
    done = gate.command("rejects", 1, "-o", out, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"job": 1, "file": str(out), "format": "csv", "bytes": out.stat().st_size}


# -- when no daemon answers ------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("jobs",), ("jobs", "--watch"), ("job", "1"), ("cancel", "1"), ("retry", "1")])
def test_no_daemon(sqlite_headgate: Headgate, command: tuple[str, ...]) -> None:
    gate = sqlite_headgate
    done = gate.command(*command)
    assert (done.returncode, done.stdout) == (3, "")
    assert "start the daemon with this configuration first (headgate run makes the token file)" in done.stderr
    assert str(gate.folder / "var" / "api.token") in done.stderr
    (gate.folder / "var").mkdir()
    (gate.folder / "var" / "api.token").write_text("t" * 32)
    started = time.monotonic()
    done = gate.command(*command)
    assert (done.returncode, done.stdout) == (3, "")
    assert len(done.stderr.splitlines()) == 1
    url, secret = f"http://127.0.0.1:{gate.settings['api']['port']}", str(gate.folder / "var" / "api.token")
    for words in (f"no daemon answers at {url}", "start it with: headgate run", secret, "-c"):
        assert words in done.stderr
    assert time.monotonic() - started < 30


def test_another_daemons_token(gate: Headgate) -> None:
    other = gate.folder / "other.token"
    other.write_text("x" * 32)
    gate.settings["api"]["token_file"] = str(other)
    gate.write_config()
    done = gate.command("jobs")
    assert done.returncode == 3
    assert f"does not know the token of {other}" in done.stderr
    gate.settings["api"].pop("token_file")
    gate.write_config()


@pytest.mark.usefixtures("require_openssl")
def test_over_tls(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    gate = sqlite_headgate
    authority = Authority(gate.folder)
    ours, theirs = authority.issue("headgate.example.com"), authority.issue("somebody.example.com")
    gate.settings["api"] |= {"tls_certificate_file": str(ours.certificate), "tls_key_file": str(ours.key)}
    gate.write_config()
    process = gate.start_ready()
    done = gate.command("submit", orders(gate.folder / "orders.xlsx", 5), "--wait", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "loaded"

    port = gate.settings["api"]["port"]
    door = http.client.HTTPSConnection("127.0.0.1", port, context=ssl._create_unverified_context())  # noqa: S323
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    door.request("POST", "/login", f"token={gate.token}", form)
    cookie = {part.strip().lower() for part in str(door.getresponse().headers["Set-Cookie"]).split(";")}
    assert {"secure", "httponly", "samesite=strict"} <= cookie
    door.close()

    gate.settings["api"] |= {"tls_certificate_file": str(theirs.certificate), "tls_key_file": str(theirs.key)}
    gate.write_config()
    done = gate.command("jobs")
    assert (done.returncode, done.stdout) == (3, ""), "a token goes to nobody but the daemon whose certificate it is"
    assert "certificate verify failed" in done.stderr
    assert gate.stop(process) == 0


# -- completion ------------------------------------------------------------------------------------------


def completed(gate: Headgate, words: str, number: int) -> list[str]:
    """Return what a shell would be offered for the word of this number."""
    environ = {**gate.environ(), "_HEADGATE_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(number)}
    done = subprocess.run([gate.binary], capture_output=True, text=True, env=environ, cwd=gate.folder, check=True)
    return [line.partition(",")[2] for line in done.stdout.splitlines() if line]


def test_completion_of_words(sqlite_headgate: Headgate) -> None:
    gate = sqlite_headgate
    assert {"retry", "rejects", "read", "run"} == set(completed(gate, "headgate r", 1)) - {"reload"}
    assert completed(gate, "headgate submit --dataset o", 3) == ["orders"]
    assert completed(gate, "headgate backfill --dataset o", 3) == ["orders"]
    assert completed(gate, "headgate jobs --state par", 3) == ["partial"]
    (gate.folder / "datasets" / "wrong.yml").write_text("dataset: [")
    assert completed(gate, "headgate submit --dataset o", 3) == [], "a wrong dataset breaks no shell"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(sqlite_headgate: Headgate, shell: str) -> None:
    done = sqlite_headgate.command("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    assert "_HEADGATE_COMPLETE" in done.stdout
    if shell == "bash":
        subprocess.run(["bash", "-n"], input=done.stdout, text=True, check=True)
    line = next(line for line in sqlite_headgate.command("completion", "-h").stdout.splitlines() if shell + ":" in line)
    assert f"headgate completion {shell} >" in line, "where it belongs is a line to be copied"
    unknown = sqlite_headgate.command("completion", "cobol")
    assert unknown.returncode == 2


# -- limits of a file, without a dataset -------------------------------------------------------------------


def test_a_file_is_held_to_the_limits_that_are_given(sqlite_headgate: Headgate, orders: Callable[..., Path]) -> None:
    gate, book = sqlite_headgate, orders(sqlite_headgate.folder / "orders.xlsx", 300)
    for command in ("read", "infer"):
        assert gate.command(command, book, "--limit", "cells=1204", "--limit", "worker_mb=1024").returncode == 0
        beyond = gate.command(command, book, "--limit", "cells=1203")
        assert beyond.returncode == 1
        assert "limits.cells (1203)" in beyond.stderr
        for wrong, why in (("cell=5", "the limits are file_mb"), ("cells=many", "cells: "), ("cells", "cells: ")):
            refused = gate.command(command, book, "--limit", wrong)
            assert (refused.returncode, why in refused.stderr) == (2, True), refused.stderr
    late = gate.command("read", book, "--limit", "parse_seconds=0.001")
    assert (late.returncode, "file.timeout" in late.stderr) == (1, True), late.stderr
    assert "--limit parse_seconds=0.001" in late.stderr, "the remedy names what was given"


def test_a_text_of_an_encoding_that_is_named_is_read_and_drafted_by_it(sqlite_headgate: Headgate) -> None:
    gate, text = sqlite_headgate, sqlite_headgate.folder / "factures.csv"
    text.write_bytes("N° facture;Client\nF1;Payé\n".encode("cp1252"))
    for command in ("read", "infer"):
        refused = gate.command(command, text)
        assert (refused.returncode, "name its encoding with --encoding" in refused.stderr) == (1, True), refused.stderr
    drafted = gate.command("infer", text, "--encoding", "cp1252", "-o", gate.folder / "drafted.yml")
    assert drafted.returncode == 0, drafted.stderr
    url = f"sqlite+aiosqlite:///{gate.folder}/factures.db"
    loaded = gate.command("ingest", text, "--dataset", gate.folder / "drafted.yml", "--database", url)
    assert (loaded.returncode, "1 inserted" in loaded.stdout) == (0, True), loaded.stderr


# -- for machines ----------------------------------------------------------------------------------------


def test_every_command_that_tells_something_tells_it_to_machines(
    sqlite_headgate: Headgate, orders: Callable[..., Path]
) -> None:
    gate, book = sqlite_headgate, orders(sqlite_headgate.folder / "orders.xlsx", 3)

    def told(*arguments: object) -> list[Any]:
        done = gate.command(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    assert told("read", book, "--list") == [
        {"index": 0, "name": "订单", "visibility": "visible", "rows": 4, "columns": 4}
    ]
    listed = [gate.command("read", book, "--list", *form).stdout for form in (("--json",), ("--format", "json"))]
    assert listed[0] == listed[1]
    assert told("read", book)[0] == ["订单号", "买家", "数量", "单价"]
    [draft] = told("infer", book)
    assert [field["header"] for field in draft["fields"]] == [["订单号"], ["买家"], ["数量"], ["单价"]]
    [checked] = told("check")
    assert (checked["fine"], checked["datasets"]) == (True, [{"dataset": "orders", "version": 1, "table": "orders"}])
    [assets] = told("assets", gate.folder / "assets")
    assert str(gate.folder / "assets" / "prometheus.yml") in assets["written"]
    group = click.Context(commands)
    without = {
        name
        for name in commands.list_commands(group)
        if not any(parameter.name == "as_json" for parameter in commands.commands[name].params)
    }
    assert without == {"completion", "run", "worker"}, "which have nothing to tell"


# -- how fast it starts ----------------------------------------------------------------------------------


def test_help_imports_nothing_heavy(sqlite_headgate: Headgate) -> None:
    source = (
        "import sys\nsys.argv = ['headgate', '--help']\nfrom daemon.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = {'aiohttp', 'sqlalchemy', 'pandas', 'pyarrow', 'openpyxl', 'rich.progress', 'prometheus_client'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, cwd=sqlite_headgate.folder
    )
    assert done.stderr.splitlines()[-1] == "[]"
