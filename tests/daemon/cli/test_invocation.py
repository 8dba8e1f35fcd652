"""Where a command finds its daemon, and the commands that people are told to run next."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from daemon.cli.invocation import reached_at, settings_of, shown_database, typed


@pytest.mark.parametrize(
    ("listens_on", "reached"),
    [
        (".".join("0000"), "127.0.0.1"),
        ("::", "::1"),
        ("0:0:0:0:0:0:0:0", "::1"),
        ("10.1.2.3", "10.1.2.3"),
        ("fd00::5", "fd00::5"),
        ("sidecar.internal", "sidecar.internal"),
    ],
)
def test_a_daemon_on_all_addresses_is_reached_on_the_loopback(listens_on: str, reached: str) -> None:
    assert reached_at(listens_on) == reached


def test_a_command_to_run_next_can_be_pasted_and_has_what_was_given() -> None:
    given = {"--dataset": "the orders.yml", "--database": None, "-c": Path("shop.yml")}
    assert typed("rejects", 7, given=given) == "headgate rejects 7 --dataset 'the orders.yml' -c shop.yml"


def test_an_empty_database_is_not_the_one_of_the_configuration() -> None:
    with pytest.raises(click.UsageError, match="--database is empty"):
        settings_of(None, database="")


@pytest.mark.parametrize(
    ("url", "of_the_configuration", "named"),
    [
        ("postgresql://u@h/d", "postgresql+asyncpg://u@h/d", "postgresql+asyncpg://u@h/d"),
        ("postgresql://u:secret@h/d", None, "postgresql+asyncpg://u:***@h/d"),
    ],
)
def test_a_command_to_run_next_is_without_a_database_whose_password_cannot_be_shown(
    tmp_path: Path, url: str, of_the_configuration: str | None, named: str
) -> None:
    secret = tmp_path / "database.url"
    secret.write_text(url, encoding="utf-8")
    secret.chmod(0o600)
    config = tmp_path / "headgate.yml"
    config.write_text("database: {url_file: database.url}", encoding="utf-8")
    assert shown_database(settings_of(config), None) == of_the_configuration
    assert shown_database(settings_of(None, database=url), url) == named
