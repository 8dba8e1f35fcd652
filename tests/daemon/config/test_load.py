"""Settings from file and environment: precedence, paths, secrets, sizes."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from daemon.config.dataset_files import dataset_files
from daemon.config.layers import OLD_NAMES, leaves, variable_of
from daemon.config.load import load_configuration, load_settings
from daemon.config.sizing import pool_sizes
from ingest.spec.yaml_document import DocumentError

SECRET = "postgresql://headgate:hunter2@db.example/app"  # noqa: S105  # opens nothing


def written(folder: Path, text: str) -> Path:
    path = folder / "headgate.yml"
    path.write_text(text, encoding="utf-8")
    return path


def secret_file(folder: Path, text: str = SECRET, mode: int = 0o600) -> Path:
    path = folder / "database.url"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def problem_of(path: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(DocumentError) as caught:
        load_settings(path, environ or {})
    assert len(caught.value.problems) == 1
    return str(caught.value.problems[0])


# -- precedence ---------------------------------------------------------------------------------------


def test_variable_wins_over_old_name_over_file_over_default(tmp_path: Path) -> None:
    path = written(tmp_path, "database: {pool_size: 1, max_overflow: 1, leak_seconds: 1}")
    environ = {"DB_POOL_SIZE": "2", "DB_MAX_OVERFLOW": "2", "HEADGATE_DATABASE__POOL_SIZE": "3"}
    database = load_settings(path, environ).database
    assert (database.pool_size, database.max_overflow, database.leak_seconds, database.pool_timeout_seconds) == (
        3,
        2,
        1,
        30,
    )


@pytest.mark.parametrize(("name", "location"), OLD_NAMES.items())
def test_old_name_keeps_working(name: str, location: tuple[str, ...]) -> None:
    text = {"environment": "production", "enabled": "false"}.get(location[-1], "7")
    value: object = load_settings(None, {name: text})
    for part in location:
        value = getattr(value, part)
    assert str(value).lower().removesuffix(".0") == text


def test_thresholds_default_to_those_of_the_replaced_system() -> None:
    resources = load_settings(None, {}).resources
    assert (resources.cpu_threshold, resources.memory_threshold, resources.check_interval_seconds) == (80, 85, 60)


def test_empty_variable_counts_as_unset(tmp_path: Path) -> None:
    path = written(tmp_path, "executors: {cpu_workers: 3}")
    assert load_settings(path, {"CPU_EXECUTOR_WORKERS": " "}).executors.cpu_workers == 3


def test_every_setting_has_a_variable_that_is_understood(tmp_path: Path) -> None:
    secret = secret_file(tmp_path)
    special = {
        "HEADGATE_ENVIRONMENT": "production",
        "HEADGATE_EXECUTORS__ENGINE": "local",
        "HEADGATE_EXECUTORS__SCHEDULER": "tcp://localhost:8786",
        "HEADGATE_DATABASE__URL": "",
        "HEADGATE_DATABASE__URL_FILE": str(secret),
        "HEADGATE_DATABASE__POOLER": "transaction",
        "HEADGATE_API__PUBLIC_URL": "https://headgate.example.com",
        "HEADGATE_API__HOST": "localhost",
        "HEADGATE_EXPORTER__HOST": "localhost",
        "HEADGATE_EXPORTER__PORT": "0",
        "HEADGATE_LEDGER__LEASE_SECONDS": "1000",
        "HEADGATE_LOGGING__LEVEL": "debug",
        "HEADGATE_LOGGING__FORMAT": "json",
        "HEADGATE_SPOOL__OPTIONS": '{"region": "eu-central-1"}',
        "HEADGATE_INTAKE__SOURCES": '[{"name": "shop", "url": "s3://bucket"}]',
        "HEADGATE_TASKS": '{"monthly": "shop.reports:monthly"}',
        "HEADGATE_INTAKE__MAILBOXES": "[]",
        "HEADGATE_WATCH": '[{"name": "erp", "process": "erp"}]',
    }
    environ = {}
    for location, info in leaves():
        name = variable_of(location)
        environ[name] = special.get(
            name, "true" if info.annotation is bool else "200" if "mb" in name.lower() else "90"
        )
    assert load_configuration(None, environ).problems == ()


def test_process_environment_is_read_only_through_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    # Other programs have variables of the names of our settings.
    monkeypatch.setenv("STATE_DIR", "/nonsense")
    monkeypatch.setenv("DATABASE", '{"pool_size": 99}')
    monkeypatch.setenv("HEADGATE_API__PORT", "1234")
    settings = load_settings(None)
    assert settings.state_dir == Path.cwd() / "var"
    assert settings.database.pool_size == 0
    assert settings.api.port == 1234


def test_settings_are_frozen() -> None:
    settings = load_settings(None, {})
    with pytest.raises(ValidationError):
        settings.api.port = 1


# -- paths --------------------------------------------------------------------------------------------


def test_paths_of_the_file_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "conf [1]"
    (folder / "sets").mkdir(parents=True)
    (folder / "sets" / "b.yml").touch()
    (folder / "sets" / "a.yml").touch()
    path = written(
        folder, "datasets: [sets/*.yml, sets/b.yml]\nstate_dir: state\nintake: {folders: [in, {path: /abs}]}"
    )
    monkeypatch.chdir(tmp_path)
    settings = load_settings(path.relative_to(tmp_path), {})
    assert dataset_files(settings.datasets) == [folder / "sets" / "a.yml", folder / "sets" / "b.yml"]
    assert settings.state_dir == folder / "state"
    assert settings.api.token_file == folder / "state" / "api.token"
    assert settings.database.url == f"sqlite+aiosqlite:///{folder}/state/headgate.db"
    assert [watched.path for watched in settings.intake.folders] == [folder / "in", Path("/abs")]


def test_paths_of_the_environment_are_relative_to_the_working_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    path = written(tmp_path / "elsewhere", "database: {url: 'sqlite:///a.db'}")
    monkeypatch.chdir(tmp_path)
    environ = {"HEADGATE_DATABASE__URL": "sqlite+aiosqlite:///b.db", "HEADGATE_STATE_DIR": "state"}
    settings = load_settings(path, environ)
    assert settings.database.url == f"sqlite+aiosqlite:///{tmp_path}/b.db"
    assert settings.state_dir == tmp_path / "state"


# -- database and secrets -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://u@h:5433/d", "postgresql+asyncpg://u@h:5433/d"),
        ("postgres://u@h/d?sslmode=require", "postgresql+asyncpg://u@h/d?sslmode=require"),
        ("postgresql+asyncpg:///d?host=/run/postgresql", "postgresql+asyncpg:///d?host=%2Frun%2Fpostgresql"),
        ("sqlite:////data/a.db", "sqlite+aiosqlite:////data/a.db"),
    ],
)
def test_database_url_gets_the_driver_that_headgate_uses(tmp_path: Path, url: str, expected: str) -> None:
    assert load_settings(written(tmp_path, f"database: {{url: '{url}'}}"), {}).database.url == expected


def test_url_file_is_read_and_its_password_never_shown(tmp_path: Path) -> None:
    secret_file(tmp_path, SECRET + "\n")
    configuration = load_configuration(written(tmp_path, "database: {url_file: database.url}"), {})
    assert configuration.settings is not None
    assert configuration.settings.database.url == SECRET.replace("postgresql", "postgresql+asyncpg")
    assert "hunter2" not in repr(configuration.settings)
    assert configuration.shown_url == "postgresql+asyncpg://headgate@db.example/app"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_secret_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    secret = secret_file(tmp_path, mode=mode)
    path = written(tmp_path, "database:\n  url_file: database.url")
    reason = f"{secret} can be read by others (mode {mode:04o}); run: chmod 600 {secret}"
    assert problem_of(path) == f"{path}:2: database.url_file: {reason}"


@pytest.mark.parametrize("content", [b"", b"\n", b"one\ntwo\n", b"\xff\xfe"])
def test_secret_file_without_one_line_is_refused(tmp_path: Path, content: bytes) -> None:
    secret = secret_file(tmp_path)
    secret.write_bytes(content)
    assert "write the secret into it" in problem_of(written(tmp_path, "database: {url_file: database.url}"))


def test_secret_that_is_a_folder_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "database: {url_file: .}")
    assert "is not a file; name a file that holds the secret" in problem_of(path)


def test_bad_url_in_a_secret_file_is_not_repeated(tmp_path: Path) -> None:
    secret_file(tmp_path, "mysql://headgate:hunter2@db.example/app")
    problem = problem_of(written(tmp_path, "database: {url_file: database.url}"))
    assert "mysql is not a supported database" in problem
    assert "hunter2" not in problem


def test_variable_wins_over_the_other_way_to_give_the_url(tmp_path: Path) -> None:
    secret = secret_file(tmp_path)
    by_file = written(tmp_path, "database: {url_file: database.url}")
    assert load_settings(by_file, {"HEADGATE_DATABASE__URL": "sqlite:////b.db"}).database.url.endswith("/b.db")
    by_url = written(tmp_path, "database: {url: 'sqlite:///a.db'}")
    assert "hunter2" in load_settings(by_url, {"HEADGATE_DATABASE__URL_FILE": str(secret)}).database.url


def test_missing_file_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "headgate.yml"
    assert problem_of(path) == f"{path}: No such file or directory; name a readable YAML file"


# -- sizes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "cores", "size", "overflow"),
    [
        ("development", 0.5, 10, 10),
        ("development", 64, 10, 10),
        ("production", 0.5, 10, 5),
        ("production", 1, 10, 5),
        ("production", 2.5, 20, 10),
        ("production", 3, 30, 15),
        ("production", 4, 30, 20),
        ("production", 64, 30, 20),
    ],
)
def test_automatic_pool_sizes(environment: str, cores: float, size: int, overflow: int) -> None:
    sizes = pool_sizes(load_settings(None, {"ENVIRONMENT": environment}), cores)
    assert (sizes.size, sizes.overflow) == (size, overflow)
    assert environment in sizes.size_source


def test_configured_pool_sizes_are_taken_as_they_are() -> None:
    sizes = pool_sizes(load_settings(None, {"ENVIRONMENT": "production", "DB_POOL_SIZE": "3"}), 8)
    assert (sizes.size, sizes.size_source, sizes.overflow) == (3, "configured", 20)
