"""What a daemon lacks at its start is one line and an exit code that is none of a crash's; `check` finds it, too."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from .conftest import NO_OVERRIDE, as_user

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .conftest import Headgate

pytestmark = [
    pytest.mark.fault,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a daemon as another user"),
]

NAMELESS: Final = 64_021
"""A user that no password database knows."""
CONFIGURATION, COULD_NOT_RUN = 2, 3


@pytest.fixture
def nameless(headgate_at: Callable[..., Headgate]) -> Iterator[Headgate]:
    """A daemon of a user that has neither a name nor a home."""
    folder = Path(tempfile.mkdtemp(prefix="headgate-"))
    folder.chmod(0o755)
    made = headgate_at(folder / "daemon", f"sqlite+aiosqlite:///{folder / 'daemon' / 'data' / 'target.db'}")
    (made.folder / "data").mkdir()
    made.prefix = ["env", "-u", "HOME", *as_user(NAMELESS)]
    for path in [made.folder, *made.folder.rglob("*")]:
        os.chown(path, NAMELESS, NAMELESS)
    yield made
    for process in made.processes:
        process.kill()
        process.wait(10)
    shutil.rmtree(folder)


def assert_refused(headgate: Headgate, words: str, code: int, *options: str) -> None:
    """Start the daemon, and check: both say the same in one line."""
    for command in (["run"], ["check", *options]):
        done = headgate.command(*command, "-c", headgate.config, timeout=60, as_prefixed=True)
        assert done.returncode == code, (command, done.stdout, done.stderr)
        assert words in done.stderr, (command, done.stderr)
        assert len(done.stderr.splitlines()) == 1, (command, done.stderr)


def test_a_user_without_a_name_and_a_home_runs_it(nameless: Headgate, orders: Callable[..., Path]) -> None:
    process = nameless.start_ready()
    orders(nameless.inbox / "orders.xlsx", 20)
    nameless.until(lambda: nameless.all_loaded(1), "the file is loaded", process=process)
    assert nameless.stop(process) == 0


def test_a_user_without_a_name_is_told_to_write_one_for_the_server(nameless: Headgate, postgres_database: str) -> None:
    nameless.settings["database"]["url"] = postgres_database.replace("headgate@", "")
    nameless.write_config()
    assert_refused(nameless, "write user@host", COULD_NOT_RUN, "--connect")


@pytest.mark.parametrize("what", ["folder", "file"])
def test_an_sqlite_file_that_is_read_only(nameless: Headgate, what: str) -> None:
    data = nameless.folder / "data"
    sqlite3.connect(data / "target.db").execute("VACUUM")
    if what == "file":
        (data / "target.db").chmod(0o444)
        words = "readonly"
    else:
        os.chown(data, 0, 0)
        words = "Permission denied"
    assert_refused(nameless, words, COULD_NOT_RUN, "--connect")


def test_a_file_that_is_no_database(nameless: Headgate) -> None:
    (nameless.folder / "data" / "target.db").write_text("no database, and long enough for one to be looked for\n" * 9)
    os.chown(nameless.folder / "data" / "target.db", NAMELESS, NAMELESS)
    assert_refused(nameless, "file is not a database", COULD_NOT_RUN, "--connect")


@pytest.mark.parametrize("state", ["var", "var/spool"])
def test_a_state_folder_of_somebody_else(nameless: Headgate, state: str) -> None:
    nameless.settings["state_dir"] = str(nameless.folder / "var")
    nameless.write_config()
    (nameless.folder / "var" / "spool").mkdir(parents=True)
    for path in (nameless.folder / "var", nameless.folder / "var" / "spool"):
        os.chown(path, NAMELESS, NAMELESS)
    os.chown(nameless.folder / state, 0, 0)
    assert_refused(nameless, f"{nameless.folder / state} cannot be written by this user", CONFIGURATION)


def test_a_watched_folder_that_nothing_can_be_moved_in(nameless: Headgate) -> None:
    nameless.settings["intake"]["folders"] = [{"path": "inbox", "taken": "move"}]
    nameless.write_config()
    nameless.inbox.chmod(0o555)
    assert_refused(nameless, "inbox cannot be read and written by this user", CONFIGURATION)


# -- a server that cannot be used ------------------------------------------------------------------------


def test_a_server_that_is_read_only(
    own_postgres: Any, tmp_path: Path, headgate_at: Callable[[Path, str], Headgate]
) -> None:
    headgate = headgate_at(tmp_path / "headgate", own_postgres.url())
    own_postgres.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    own_postgres.execute("SELECT pg_reload_conf()")
    assert_refused(headgate, "read-only", COULD_NOT_RUN, "--connect")


def test_a_standby(
    own_postgres: Any, own_standby: Any, tmp_path: Path, headgate_at: Callable[[Path, str], Headgate]
) -> None:
    """The ledger is there already: nothing has to be made, and still nothing can be written."""
    headgate = headgate_at(tmp_path / "headgate", own_postgres.url())
    process = headgate.start_ready()
    assert headgate.stop(process) == 0
    headgate.settings["database"]["url"] = own_standby.url()
    headgate.write_config()
    assert_refused(headgate, "read-only", COULD_NOT_RUN, "--connect")
    own_standby.promote()
    assert headgate.stop(headgate.start_ready()) == 0


def test_a_database_that_is_not_there(
    postgres: Any, tmp_path: Path, headgate_at: Callable[[Path, str], Headgate]
) -> None:
    headgate = headgate_at(tmp_path / "headgate", postgres.url("nowhere"))
    assert_refused(headgate, 'database "nowhere" does not exist', COULD_NOT_RUN, "--connect")


def test_a_home_of_somebody_else(
    postgres_database: str, tmp_path: Path, headgate_at: Callable[[Path, str], Headgate]
) -> None:
    """Where libpq's files would lie, the driver looks for keys."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    os.chown(home, NAMELESS, NAMELESS)
    headgate = headgate_at(tmp_path / "headgate", postgres_database)
    headgate.prefix = NO_OVERRIDE
    headgate.more_environ["HOME"] = str(home)
    assert_refused(headgate, "set HOME to a folder of this user's", COULD_NOT_RUN, "--connect")
