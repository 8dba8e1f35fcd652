"""What `check` finds beyond the settings themselves, and what it says of the sizes."""

from pathlib import Path

import pytest

from daemon.config.check import check

DATASET = """
dataset: orders
match: {glob: "**"}
fields: [{name: order_no, type: string, header: 订单号}]
load: {table: orders}
"""


@pytest.fixture
def configuration(tmp_path: Path) -> Path:
    (tmp_path / "orders.yml").write_text(DATASET, encoding="utf-8")
    (tmp_path / "inbox").mkdir()
    path = tmp_path / "headgate.yml"
    path.write_text(
        "datasets: orders.yml\nexecutors:\n  cpu_workers: 3\nintake: {folders: [inbox]}\n", encoding="utf-8"
    )
    return path


def test_a_good_configuration_gives_settings_and_datasets(configuration: Path) -> None:
    result = check(configuration, {})
    assert result.problems == ()
    assert result.settings is not None
    assert [dataset.dataset for dataset in result.datasets] == ["orders"]


def test_lines_say_where_each_size_comes_from(configuration: Path) -> None:
    environ = {"DB_POOL_SIZE": "4", "HEADGATE_DATABASE__MAX_OVERFLOW": "6"}
    lines = check(configuration, environ).lines
    assert f"cpu workers: 3 ({configuration}:3)" in lines
    assert "database connections: 4 (DB_POOL_SIZE)" in lines
    assert "database overflow: 6 (HEADGATE_DATABASE__MAX_OVERFLOW)" in lines
    assert any(line.startswith("io threads:") and "automatic" in line for line in lines)


def test_lines_show_no_password(configuration: Path) -> None:
    lines = check(configuration, {"HEADGATE_DATABASE__URL": "postgresql://u:hunter2@h/d"}).lines
    assert "database: postgresql+asyncpg://u@h/d" in lines


def test_checking_changes_nothing(configuration: Path) -> None:
    before = sorted(configuration.parent.rglob("*"))
    check(configuration, {})
    assert sorted(configuration.parent.rglob("*")) == before


def test_beyond_loopback_a_token_file_is_enough(configuration: Path) -> None:
    environ = {"HEADGATE_API__HOST": "0.0.0.0", "HEADGATE_API__TOKEN_FILE": str(configuration.parent / "token")}  # noqa: S104  # never bound
    assert "write a token into that file" in str(check(configuration, environ).problems[0])
    (configuration.parent / "token").touch(mode=0o600)
    assert check(configuration, environ).problems == ()


def test_a_token_file_that_others_may_read_is_told_with_what_to_do(configuration: Path) -> None:
    token = configuration.parent / "token"
    token.touch(mode=0o644)
    (problem,) = check(configuration, {"HEADGATE_API__TOKEN_FILE": str(token)}).problems
    assert f"{token} can be read by others (mode 0644)" in problem.reason
    assert problem.remedy == f"run: chmod 600 {token}"
    token.chmod(0o600)
    assert check(configuration, {"HEADGATE_API__TOKEN_FILE": str(token)}).problems == ()


def test_without_a_file_the_defaults_are_fine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = check(None, {})
    assert result.problems == ()
    assert f"state folder: {tmp_path}/var" in result.lines


def test_a_side_folder_that_is_not_reached_may_be_watched_too(configuration: Path) -> None:
    (configuration.parent / "inbox" / "urgent").mkdir()
    folders = '[{"path": "%s/inbox", "recursive": false}, "%s/inbox/urgent"]' % ((configuration.parent,) * 2)
    assert check(configuration, {"HEADGATE_INTAKE__FOLDERS": folders}).problems == ()
