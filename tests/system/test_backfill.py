"""`headgate backfill`: many files by one command, at whatever moment it is stopped, killed, or left by its database."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import time
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from terminal import Terminal

from daemon.pipeline.dispatcher import LOADS_BESIDE_PARSES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Headgate

ROWS = 20
WORKERS = 2
WINDOW = 2 * (WORKERS + LOADS_BESIDE_PARSES) + 1
"""So many files at the most lie in the spool at once: those looked at, those on their way, and one at the gate."""


def write_text(path: Path, start: int, rows: int = ROWS, *, bad: tuple[int, ...] = ()) -> Path:
    """Write orders as CSV; `bad` are rows whose quantity is no number."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = (
        f"{10**17 + start + number},buyer {number},{'many' if number in bad else number % 7 + 1},9.99"
        for number in range(rows)
    )
    path.write_text("\n".join(("订单号,买家,数量,单价", *lines)) + "\n", encoding="utf-8")
    return path


def write_years(folder: Path, files: int) -> Path:
    for number in range(files):
        write_text(folder / f"{2000 + number % 20}" / f"orders-{number:05}.csv", number * ROWS)
    return folder


def backfilled(headgate: Headgate, *arguments: object) -> tuple[int, dict[str, Any]]:
    report = headgate.folder / "report.json"
    done = headgate.command("backfill", *arguments, "--dataset", "orders", "--report", report, timeout=300)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, json.loads(report.read_text(encoding="utf-8"))


def test_a_report_that_a_full_disk_does_not_take_hides_nothing(sqlite_headgate: Headgate, tmp_path: Path) -> None:
    file = tmp_path / "orders.csv"
    write_text(file, 0)
    done = sqlite_headgate.command("backfill", file, "--dataset", "orders", "--report", "/dev/full")
    assert done.returncode == 3
    assert "--report: /dev/full cannot be written: No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert sqlite_headgate.scalar("SELECT count(*) FROM orders") == str(ROWS)


@contextmanager
def running(headgate: Headgate, *arguments: object) -> Iterator[subprocess.Popen[bytes]]:
    """Run the command in a session of its own, so that what it leaves behind can be found."""
    with headgate.log.open("ab") as log:
        process = subprocess.Popen(
            [headgate.binary, "backfill", *map(str, arguments), "--dataset", "orders"],
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=headgate.folder,
            env=headgate.environ(),
        )
    headgate.processes.append(process)
    yield process
    process.wait(60)
    headgate.assert_nothing_left(process)


def until_loaded(headgate: Headgate, files: int, process: subprocess.Popen[bytes]) -> None:
    headgate.until(lambda: headgate.loaded_jobs() >= files, f"{files} are loaded", process=process)


def spooled(headgate: Headgate) -> int:
    """Count the files in the spool."""
    return sum(1 for _ in (headgate.folder / "var").glob("spool/*/jobs/*"))


def test_files_of_all_kinds_come_to_their_ends(headgate: Headgate, orders: Callable[..., Path]) -> None:
    years = headgate.folder / "years"
    for number in range(6):
        write_text(years / f"{number}.csv", number * ROWS)
    orders(years / "book.xlsx", 30, start=10_000)
    write_text(years / "partial.csv", 20_000, bad=(3,))
    write_text(years / "rejected.csv", 30_000, bad=tuple(range(15)))
    (years / "empty.csv").touch()
    (years / "again.csv").write_bytes((years / "0.csv").read_bytes())
    (years / "damaged.xlsx").write_bytes((years / "book.xlsx").read_bytes()[:-200])

    code, report = backfilled(headgate, years)
    assert code == 1
    assert report["complete"]
    assert report["listed"]["files"] == 12
    assert report["files"] == {"loaded": 7, "partial": 1, "rejected": 3, "skipped": 1, "failed": 0}
    assert report["rows"]["inserted"] == 6 * ROWS + 30 + ROWS - 1
    assert {code: found["files"] for code, found in report["codes"].items()} == {
        "cell.type": 2, "table.too_many_bad_rows": 1, "file.empty": 1, "file.truncated": 1,
    }  # fmt: skip
    # In the order in which the files came to their ends, which is nobody's.
    examples = {(Path(one["file"]).name, one["cell"]) for one in report["codes"]["cell.type"]["examples"]}
    assert examples == {("partial.csv", "C5"), ("rejected.csv", "C2")}
    assert headgate.scalar("SELECT count(*) FROM orders") == str(6 * ROWS + 30 + ROWS - 1)

    jobs = "headgate_job" if headgate.database_url.startswith("sqlite") else "headgate.job"
    entered = headgate.scalar(f"SELECT count(*) FROM {jobs}")
    (years / "rejected.csv").unlink()
    (years / "empty.csv").unlink()
    (years / "damaged.xlsx").unlink()
    code, report = backfilled(headgate, years)
    assert (code, report["files"]["skipped"], sum(report["files"].values())) == (0, 9, 9)
    assert headgate.scalar(f"SELECT count(*) FROM {jobs}") == entered, "what is known makes no entry"


def test_the_report_in_words_and_a_line_a_file(headgate: Headgate) -> None:
    years = headgate.folder / "years"
    write_text(years / "good.csv", 0)
    write_text(years / "partial.csv", 1_000, bad=(3,))
    done = headgate.command("backfill", years, "--dataset", "orders", "--check", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["state"], line["would_be"]) for line in sorted(lines, key=lambda line: str(line["file"]))] == [
        ("checked", "loaded"),
        ("checked", "partial"),
    ]
    done = headgate.command("backfill", years, "--dataset", "orders")
    assert done.returncode == 1
    for words in ("2 of 2 files", "1 loaded", "1 partial", "cell.type in 1 file", "partial.csv: Sheet1 C5"):
        assert words in done.stdout, done.stdout
    assert headgate.scalar("SELECT count(*) FROM orders") == str(2 * ROWS - 1)


def test_a_census_loads_nothing_and_enters_nothing(headgate: Headgate) -> None:
    years = headgate.folder / "years"
    write_text(years / "loaded.csv", 0)
    assert backfilled(headgate, years)[0] == 0
    write_text(years / "new.csv", 1_000)
    write_text(years / "same.csv", 1_000)
    write_text(years / "rejected.csv", 2_000, bad=tuple(range(15)))
    code, report = backfilled(headgate, years, "--check")
    assert (code, report["check_only"]) == (1, True)
    assert report["files"] == {"loaded": 1, "partial": 0, "rejected": 1, "skipped": 2, "failed": 0}
    assert report["rows"]["inserted"] == ROWS
    assert headgate.scalar("SELECT count(*) FROM orders") == str(ROWS)
    jobs = "headgate_job" if headgate.database_url.startswith("sqlite") else "headgate.job"
    assert headgate.scalar(f"SELECT count(*) FROM {jobs}") == "1"
    assert spooled(headgate) == 0


def write_archive(path: Path, **files: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return path


def test_archives_are_opened_into_one_job_for_each_file(headgate: Headgate, orders: Callable[..., Path]) -> None:
    years, whole = headgate.folder / "years", headgate.folder / "whole"
    years.mkdir()
    whole.mkdir()
    texts = [write_text(whole / f"{number}.csv", number * ROWS).read_bytes() for number in range(5)]
    book = orders(whole / "book.xlsx", 30, start=10_000).read_bytes()
    write_archive(
        years / "2019.zip",
        **{
            "订单/一.csv": texts[0],
            "../../escape.csv": texts[1],
            "book.xlsx": book,
            "again.csv": texts[0],
            "readme.pdf": b"%PDF-1.4 is no workbook",
            "__MACOSX/._book.xlsx": b"of a desktop",
        },
    )
    write_archive(years / "nested.zip", **{"inner.zip": (years / "2019.zip").read_bytes(), "good.csv": texts[2]})
    write_archive(years / "bomb.zip", **{"a.csv": bytes(50 << 20)})
    (years / "damaged.zip").write_bytes((years / "2019.zip").read_bytes()[:-100])
    (years / "plain.csv").write_bytes(texts[3])
    (years / "named-as-a-text.csv").write_bytes(write_archive(whole / "z", **{"in.csv": texts[4]}).read_bytes())

    code, report = backfilled(headgate, years)
    assert code == 1
    # Loaded: 一, escape, book, good, plain, in; rejected: readme, inner, bomb, damaged; skipped: again.
    assert report["files"] == {"loaded": 6, "partial": 0, "rejected": 4, "skipped": 1, "failed": 0}
    assert report["listed"]["files"] == 11
    assert {code: found["files"] for code, found in report["codes"].items()} == {
        "file.format_unknown": 2, "file.bomb": 1, "file.truncated": 1,
    }  # fmt: skip
    assert report["codes"]["file.bomb"]["examples"][0]["file"] == str(years / "bomb.zip")
    assert headgate.scalar("SELECT count(*) FROM orders") == str(5 * ROWS + 30)
    jobs = "headgate_job" if headgate.database_url.startswith("sqlite") else "headgate.job"
    names = {row[0] for row in headgate.rows(f"SELECT file FROM {jobs} WHERE state = 'loaded'")}
    assert {f"{years}/2019.zip/订单/一.csv", f"{years}/2019.zip/escape.csv", f"{years}/2019.zip/book.xlsx"} <= names
    assert not (headgate.folder / "escape.csv").exists()

    code, report = backfilled(headgate, years / "2019.zip", "--check")
    assert (code, report["files"]["skipped"], report["files"]["rejected"]) == (1, 4, 1)


@pytest.mark.fault
@pytest.mark.timeout(300)
def test_killed_within_an_archive_it_enters_nothing_twice(headgate: Headgate) -> None:
    headgate.add_without_key()
    files, chance = 100, random.Random(20)
    whole = write_years(headgate.folder / "whole", files)
    content = {path.name: path.read_bytes() for path in sorted(whole.rglob("*.csv"))}
    archive = write_archive(headgate.folder / "all.zip", **content)
    for _ in range(4):
        goal = min(files - 1, headgate.loaded_jobs() + chance.randrange(0, 20))
        with running(headgate, archive) as process:
            until_loaded(headgate, goal, process)
            process.kill()
    code, report = backfilled(headgate, archive)
    assert (code, sum(report["files"].values())) == (0, files)
    assert headgate.scalar("SELECT count(*) FROM orders") == str(files * ROWS)
    assert headgate.scalar("SELECT count(DISTINCT order_no) FROM orders") == str(files * ROWS)
    # What a killed run had received is swept by the next one that finds no job in need of it.
    assert backfilled(headgate, archive)[1]["files"]["skipped"] == files
    assert spooled(headgate) == 0


def test_later_files_win_where_rows_are_replaced_by_key(headgate: Headgate) -> None:
    years = headgate.folder / "years"
    for year in range(2000, 2030):
        path = write_text(years / f"{year}.csv", 0, 3)
        path.write_text(path.read_text(encoding="utf-8").replace("buyer", f"of {year}"), encoding="utf-8")
    code, report = backfilled(headgate, years)
    assert (code, report["files"]["loaded"]) == (0, 30)
    assert headgate.rows("SELECT DISTINCT buyer FROM orders ORDER BY 1") == [(f"of 2029 {n}",) for n in range(3)]


@pytest.mark.fault
@pytest.mark.timeout(300)
def test_killed_at_any_moment_it_goes_on_and_loads_each_row_once(headgate: Headgate) -> None:
    """Rows that are only added, without a key: a second load of a file would show as doubled rows."""
    headgate.add_without_key()
    files, chance = 150, random.Random(19)
    years = write_years(headgate.folder / "years", files)
    for _ in range(8):
        before = headgate.loaded_jobs()
        goal = min(files - 1, before + chance.randrange(0, 20))
        with running(headgate, years) as process:
            until_loaded(headgate, goal, process)
            process.kill()
    code, report = backfilled(headgate, years)
    assert (code, report["complete"], sum(report["files"].values())) == (0, True, files)
    assert report["files"]["loaded"] + report["files"]["skipped"] == files
    assert headgate.scalar("SELECT count(*) FROM orders") == str(files * ROWS)
    assert headgate.scalar("SELECT count(DISTINCT order_no) FROM orders") == str(files * ROWS)
    assert backfilled(headgate, years)[1]["files"]["skipped"] == files


@pytest.mark.timeout(900)
def test_two_thousand_files_never_lie_in_the_spool_together(sqlite_headgate: Headgate) -> None:
    headgate = sqlite_headgate
    headgate.settings["executors"] = {"cpu_workers": WORKERS}
    headgate.write_config()
    files = 2_000
    years = write_years(headgate.folder / "years", files)
    most = 0
    with running(headgate, years, "--report", "report.json") as process:
        while process.poll() is None:
            most = max(most, spooled(headgate))
            time.sleep(0.03)
    assert process.returncode == 0, headgate.tail()
    assert 0 < most <= WINDOW
    report = json.loads((headgate.folder / "report.json").read_text())
    assert report["files"]["loaded"] == files
    assert headgate.scalar("SELECT count(*) FROM orders") == str(files * ROWS)
    assert spooled(headgate) == 0


def test_a_stop_ends_it_in_good_order_with_a_report_of_what_is_done(headgate: Headgate) -> None:
    headgate.add_without_key()
    files = 200
    years = write_years(headgate.folder / "years", files)
    with running(headgate, years, "--report", "report.json") as process:
        until_loaded(headgate, 5, process)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 3
    headgate.tells("run the same command again to go on")
    headgate.tells("files of dataset orders done")
    report = json.loads((headgate.folder / "report.json").read_text())
    assert not report["complete"]
    # The last ones may have been committed a moment before, and not be told any more.
    assert 0 < report["files"]["loaded"] < files
    code, report = backfilled(headgate, years)
    assert (code, report["complete"]) == (0, True)
    assert headgate.scalar("SELECT count(*) FROM orders") == str(files * ROWS)


@pytest.mark.fault
def test_a_daemon_on_the_same_ledger_does_no_harm(
    tmp_path: Path, postgres_database: str, headgate_at: Callable[[Path, str], Headgate]
) -> None:
    """It shares the spool, too, and sees the same files: each is loaded by one of the two."""
    headgate = headgate_at(tmp_path / "headgate", postgres_database)
    headgate.add_without_key()
    files = 60
    write_years(headgate.inbox, files)
    daemon = headgate.start_ready()
    code, report = backfilled(headgate, headgate.inbox)
    assert (code, sum(report["files"].values())) == (0, files)
    headgate.until(lambda: headgate.all_finished(files), "the daemon has come to an end, too", process=daemon)
    assert headgate.scalar("SELECT count(*) FROM orders") == str(files * ROWS)
    assert headgate.scalar("SELECT count(DISTINCT order_no) FROM orders") == str(files * ROWS)
    assert headgate.stop(daemon) == 0


def test_beside_a_daemon_on_sqlite_it_says_why_it_cannot_begin(sqlite_headgate: Headgate) -> None:
    years = write_years(sqlite_headgate.folder / "years", 1)
    daemon = sqlite_headgate.start_ready()
    done = sqlite_headgate.command("backfill", years, "--dataset", "orders")
    assert done.returncode == 3
    assert f"is in use by process {daemon.pid}" in done.stderr
    assert sqlite_headgate.stop(daemon) == 0


@pytest.mark.fault
@pytest.mark.timeout(300)
def test_a_database_that_goes_away_is_waited_for(
    tmp_path: Path, own_postgres: Any, headgate_at: Callable[[Path, str], Headgate]
) -> None:
    headgate = headgate_at(tmp_path / "headgate", own_postgres.url())
    headgate.add_without_key()
    files = 150
    years = write_years(headgate.folder / "years", files)
    with running(headgate, years, "--report", "report.json") as process:
        for loaded in (5, 60):
            until_loaded(headgate, loaded, process)
            own_postgres.stop("immediate")
            headgate.tells("headgate: waits: ")
            own_postgres.start()
        assert process.wait(120) == 0, headgate.tail()
    assert json.loads((headgate.folder / "report.json").read_text())["files"]["loaded"] <= files
    assert headgate.scalar("SELECT count(*) FROM orders") == str(files * ROWS)
    assert headgate.scalar("SELECT count(DISTINCT order_no) FROM orders") == str(files * ROWS)


def test_files_that_cannot_be_taken(sqlite_headgate: Headgate) -> None:
    headgate = sqlite_headgate
    headgate.settings["intake"]["max_file_mb"] = 1
    headgate.write_config()
    years = headgate.folder / "years"
    write_text(years / "good.csv", 0)
    with (years / "huge.csv").open("wb") as huge:
        huge.truncate(2 << 20)
    code, report = backfilled(headgate, years)
    assert (code, report["files"]["loaded"], report["files"]["rejected"]) == (1, 1, 1)
    assert list(report["codes"]) == ["file.too_large"]
    done = headgate.command("backfill", years / "none", "--dataset", "orders")
    assert (done.returncode, "is not there; name files" in done.stderr) == (2, True)
    done = headgate.command("backfill", years, "--dataset", "orders", "--report", headgate.folder / "no" / "such.json")
    assert (done.returncode, "cannot be written" in done.stderr) == (2, True)


def test_a_bar_with_rate_and_end_in_a_terminal(sqlite_headgate: Headgate) -> None:
    headgate = sqlite_headgate
    years = write_years(headgate.folder / "years", 80)
    command: list[str | Path] = [headgate.binary, "backfill", years, "--dataset", "orders"]
    with Terminal(command, cwd=headgate.folder, environ=headgate.environ()) as screen:
        assert screen.read_all() == 0
        text = screen.text
    assert "files a second" in text
    assert "/80" in text
    assert "0:00:0" in text
    assert "80 of 80 files of dataset orders done" in text
