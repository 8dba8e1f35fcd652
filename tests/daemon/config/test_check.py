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


LONG = "a" * 300
"""Longer than a name may be; the system raises an error for it whatever the user may do."""


@pytest.mark.parametrize(
    ("variable", "value", "key"),
    [
        ("HEADGATE_INTAKE__FOLDERS", f"/tmp/{LONG}", "HEADGATE_INTAKE__FOLDERS"),  # noqa: S108  # nothing is made
        ("HEADGATE_API__TOKEN_FILE", f"/tmp/{LONG}", "HEADGATE_API__TOKEN_FILE"),  # noqa: S108
        ("HEADGATE_STATE_DIR", f"/tmp/{LONG}", "HEADGATE_STATE_DIR"),  # noqa: S108
    ],
)
def test_a_path_that_cannot_be_looked_at_is_told_with_what_to_do(
    configuration: Path, variable: str, value: str, key: str
) -> None:
    problems = check(configuration, {variable: value}).problems
    (problem,) = [one for one in problems if one.key == key]
    assert problem.reason == f"{value} cannot be looked at (File name too long)"
    assert problem.remedy == "correct the path: one of its names is too long"


def test_a_link_that_leads_to_itself_is_told(configuration: Path) -> None:
    link = configuration.parent / "inbox" / "around"
    link.symlink_to(link)
    environ = {"HEADGATE_INTAKE__FOLDERS": f'["{link}", "{link}/below"]', "HEADGATE_STATE_DIR": f"{link}/var"}
    reasons = [problem.reason for problem in check(configuration, environ).problems]
    assert f"{link} cannot be looked at (Too many levels of symbolic links)" in reasons
    assert f"{link}/var cannot be looked at (Too many levels of symbolic links)" in reasons


def test_a_dataset_pattern_that_no_path_can_have_is_told(configuration: Path) -> None:
    environ = {"HEADGATE_DATASETS": '["orders.yml", "\\ud800/*.yml"]'}
    reasons = [problem.reason for problem in check(configuration, environ).problems]
    assert [reason for reason in reasons if "no path can be like that" in reason], reasons


def test_a_version_that_the_ledger_cannot_keep_is_refused(configuration: Path) -> None:
    (configuration.parent / "orders.yml").write_text(DATASET + "version: 20260101120000\n", encoding="utf-8")
    (problem,) = check(configuration, {}).problems
    assert problem.remedy == "use a value of 2147483647 or less"
