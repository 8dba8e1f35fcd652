"""Connections as people write them, to real servers: several hosts, services, password files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from goods import opened
from ports import free_port

from daemon.config.database_url import DatabaseUrlError, parse_url

if TYPE_CHECKING:
    from postgres_server import Postgres

PHRASE = "geheim und tief"


async def server_of(written: str) -> tuple[int, str]:
    """Return port and role that a URL leads to."""
    async with opened(parse_url(written, Path("/here")).text) as database, database.read() as connection:
        found = (await connection.exec_driver_sql("SELECT inet_server_port(), current_user")).one()
        return int(found.inet_server_port), str(found.current_user)


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without any file of libpq's, and an environment that says nothing of databases."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("PGSERVICE", "PGSERVICEFILE", "PGPASSFILE", "PGPASSWORD", "PGHOST", "PGPORT", "PGUSER", "PGDATABASE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


async def test_a_host_that_is_down_is_passed_over(postgres: Postgres, postgres_database: str) -> None:
    name = sa.make_url(postgres_database).database
    hosts = f"127.0.0.1:{free_port()},127.0.0.1:{postgres.port}"
    assert await server_of(f"postgresql://headgate@{hosts}/{name}") == (postgres.port, "headgate")


async def test_a_server_that_only_reads_is_passed_over(postgres: Postgres, own_postgres: Postgres) -> None:
    own_postgres.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    own_postgres.execute("SELECT pg_reload_conf()")
    hosts = f"127.0.0.1:{own_postgres.port},127.0.0.1:{postgres.port}"
    written = f"postgresql://headgate@{hosts}/postgres"
    assert await server_of(f"{written}?target_session_attrs=read-write") == (postgres.port, "headgate")
    assert await server_of(f"{written}?target_session_attrs=any") == (own_postgres.port, "headgate")


async def test_the_server_looks_whether_we_are_still_there(postgres_database: str) -> None:
    """It does so by itself only after two hours, and keeps the locks of a lost machine till then."""
    asked = ("tcp_keepalives_idle", "tcp_keepalives_interval", "tcp_keepalives_count", "tcp_user_timeout")
    shown = ", ".join(f"current_setting('{name}')" for name in asked)
    async with opened(postgres_database) as database, database.read() as connection:
        found = (await connection.exec_driver_sql(f"SELECT {shown}")).one()
    assert tuple(found) == ("10", "10", "3", "30000")


@pytest.mark.parametrize("where", ["PGSERVICEFILE", "home"])
async def test_a_service_says_where_the_database_is(
    postgres: Postgres, postgres_database: str, homeless: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    name = sa.make_url(postgres_database).database
    file = homeless / (".pg_service.conf" if where == "home" else "services")
    if where != "home":
        monkeypatch.setenv("PGSERVICEFILE", str(file))
    file.write_text(f"[shop]\nhost=127.0.0.1\nport={postgres.port}\nuser=headgate\ndbname={name}\n")
    for written in ("postgresql://?service=shop", "postgresql:///?service=shop", f"postgresql:///{name}?service=shop"):
        assert await server_of(written) == (postgres.port, "headgate")


def test_the_url_wins_over_the_service_and_shows_no_password(homeless: Path) -> None:
    (homeless / ".pg_service.conf").write_text(
        "# ours\n[other]\nhost=o\n\n[shop]\nhost=h\nport=5433\nuser=u\npassword=geheim\ndbname=d\nsslmode=require\n"
    )
    found = parse_url("postgresql:///e?service=shop&sslmode=disable", homeless)
    assert found.text == "postgresql+asyncpg:///e?host=h&port=5433&user=u&password=geheim&sslmode=disable"
    assert found.has_password
    assert "geheim" not in found.shown
    assert (
        parse_url("postgresql://v:w@g/e?service=shop", homeless).text == "postgresql+asyncpg://v:w@g/e?sslmode=require"
    )


async def test_a_service_that_nobody_defined_is_refused_by_name(
    homeless: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DatabaseUrlError, match=r"\.pg_service\.conf defines no service shop; "):
        parse_url("postgresql://?service=shop", homeless)
    file = homeless / "services"
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    for text, said in (
        ("[other]\nhost=h\n", "defines no service shop"),
        ("[shop]\nhost=h\nsparkle=1\ndbname=d\n", "sparkle"),
        ("[shop]\nhost=h\n", "names no database"),
        ("host=h\n", "cannot be understood"),
        ("[shop]\nservice=other\n", "names another one"),
    ):
        file.write_text(text)
        with pytest.raises(DatabaseUrlError, match=said) as refused:
            parse_url("postgresql://?service=shop", homeless)
        assert "; " in str(refused.value)
        assert "\n" not in str(refused.value)


def test_the_command_ends_with_one_line(homeless: Path) -> None:
    environ = {**os.environ, "XDG_STATE_HOME": str(homeless), "HEADGATE_DATABASE__URL": "postgresql://?service=shop"}
    done = subprocess.run(
        [sys.executable, "-m", "daemon", "check"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=environ,
        cwd=homeless,
    )
    assert done.returncode == 2
    assert len([line for line in done.stderr.splitlines() if "defines no service shop" in line]) == 1
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("where", ["PGPASSFILE", "home", "passfile"])
async def test_a_password_comes_from_a_file(
    own_postgres: Postgres, homeless: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    own_postgres.execute(f"CREATE ROLE clerk LOGIN PASSWORD '{PHRASE}'")
    own_postgres.require_passwords("clerk")
    file = homeless / (".pgpass" if where == "home" else "passwords")
    if where == "PGPASSFILE":
        monkeypatch.setenv("PGPASSFILE", str(file))
    file.write_text(f"# of the shop\n127.0.0.1:*:postgres:clerk:{PHRASE}\n")
    file.chmod(0o600)
    option = f"?passfile={file}" if where == "passfile" else ""
    written = f"postgresql://clerk@127.0.0.1:{own_postgres.port}/postgres{option}"
    assert await server_of(written) == (own_postgres.port, "clerk")
