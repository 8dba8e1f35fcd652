"""Database URLs as people copy them from other clients: understood, or refused in one line that names the option."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config.database_url import DatabaseUrlError, parse_url

HERE = Path("/here")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("postgres://u@h/d", "u@h/d"),
        ("postgresql+psycopg://u@h/d", "u@h/d"),
        ("postgresql+psycopg2://u@h:5433/d", "u@h:5433/d"),
        ("jdbc:postgresql://h/d?user=u&currentSchema=shop&ssl=true", "h/d?user=u&search_path=shop&sslmode=verify-full"),
        ("postgresql://u@h/d?schema=shop&pgbouncer=true", "u@h/d?search_path=shop"),
        ("postgresql://u@h/d?sslmode=require&channel_binding=prefer", "u@h/d?sslmode=require"),
        ("postgresql://u@h/d?application_name=shop&connect_timeout=5", "u@h/d?connect_timeout=5"),
        (
            "postgresql://u@h/d?sslrootcert=/ca.pem&sslmode=verify-full",
            "u@h/d?sslrootcert=%2Fca.pem&sslmode=verify-full",
        ),
        ("postgresql://u@h/d?options=-csearch_path%3Dshop", "u@h/d?options=-csearch_path%3Dshop"),
        ("postgresql://u@/d?host=/run/postgresql", "u@/d?host=%2Frun%2Fpostgresql"),
        (
            "postgresql://u@a:5433,b/d?target_session_attrs=read-write",
            "u@/d?target_session_attrs=read-write&host=a%2Cb&port=5433%2C5432",
        ),
        ("postgresql://u@h/d?keepalives=1&gssencmode=disable&client_encoding=UTF8", "u@h/d"),
    ],
)
def test_options_of_other_clients_are_mapped(written: str, meant: str) -> None:
    assert parse_url(written, HERE).text == f"postgresql+asyncpg://{meant}"


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("postgresql://u@h/d?channel_binding=require", "channel_binding=require"),
        ("postgresql://u@h/d?connection_limit=5", "database.pool_size"),
        ("postgresql://u@h/d?sslmode=sometimes", "sslmode=sometimes"),
        ("postgresql://u@h/d?client_encoding=latin1", "client_encoding=latin1"),
        ("postgresql://u@h/d?connect_timeout=soon", "connect_timeout=soon"),
        ("postgresql://u@h/d?sparkle=1", "sparkle"),
        ("postgresql://u@h", "names no database"),
        ("postgresql://u@h:abc/d", "host and port"),
        ("mysql://u@h/d", "mysql is not a supported database"),
    ],
)
def test_what_cannot_be_met_is_refused_by_name(written: str, named: str) -> None:
    with pytest.raises(DatabaseUrlError, match=named) as refused:
        parse_url(written, HERE)
    assert "; " in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("written", ["postgresql://u:geheim@h/d", "jdbc:postgresql://h/d?user=u&password=geheim"])
def test_a_password_is_known_and_never_shown(written: str) -> None:
    url = parse_url(written, HERE)
    assert url.has_password
    assert "geheim" in url.text
    assert "geheim" not in url.shown
