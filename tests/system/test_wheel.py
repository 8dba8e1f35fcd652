"""The wheel, installed into a bare environment outside of the repository: the command, its migrations, its assets."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from daemon.cli.assets import MANIFEST
from daemon.config.shipped import SHIPPED

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.xdist_group("wheel")  # built and installed once

ROOT = Path(__file__).resolve().parents[2]
SPEC = """
dataset: orders
fields:
  - {name: order_no, type: string, header: [订单号], id: true}
  - {name: quantity, type: integer, header: [数量]}
primaryKey: [order_no]
load: {table: orders}
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from what git knows of the source, so that nothing that only lies around gets in."""
    source, built = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, source / name)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", built], cwd=source, check=True)
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel alone; its dependencies are those of the environment that runs the tests."""
    folder = tmp_path_factory.mktemp("bare") / "env"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", "--quiet"]
    subprocess.run([*install, str(wheel)], check=True)
    purelib = sysconfig.get_path("purelib", vars={"base": str(folder)})
    # A path, not a site folder: the .pth file of the editable installation in there is not followed.
    Path(purelib, "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "headgate"


@pytest.fixture
def run(installed: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("HEADGATE_", "PYTHON"))}

    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [installed, *map(str, arguments)],
            cwd=tmp_path,
            env={**environ, "XDG_STATE_HOME": str(tmp_path / "state")},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return call


def test_it_runs_from_there(installed: Path, run: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    shown = subprocess.run(
        [installed.parent / "python", "-c", "import daemon, ingest; print(daemon.__file__, ingest.__file__)"],
        cwd=installed.parent,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert all(Path(path).is_relative_to(installed.parents[1]) for path in shown), shown
    done = run("--help")
    assert done.returncode == 0
    assert "assets" in done.stdout


def test_python_daemon_in_the_same_place_is_told(
    installed: Path, run: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    """It installs modules into a package of the same name."""
    purelib = Path(sysconfig.get_path("purelib", vars={"base": str(installed.parents[1])}))
    theirs = purelib / "daemon" / "pidfile.py"
    theirs.touch()
    try:
        done = run("--help")
    finally:
        theirs.unlink()
    assert done.returncode == 3
    assert "uninstall python-daemon" in done.stderr


def test_a_workbook_is_loaded(
    run: Callable[..., subprocess.CompletedProcess[str]], orders: Callable[..., Path], tmp_path: Path
) -> None:
    """With the ledger that the migrations of the wheel have made."""
    workbook = orders(tmp_path / "orders.xlsx", 25)
    (tmp_path / "orders.yml").write_text(SPEC, encoding="utf-8")
    database = f"sqlite+aiosqlite:///{tmp_path / 'target.db'}"
    done = run("ingest", workbook, "--dataset", "orders.yml", "--database", database, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert (result["state"], result["rows"]["inserted"]) == ("loaded", 25)


def test_assets_are_those_of_the_repository(
    run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path, promtool: Path, amtool: Path
) -> None:
    done = run("assets", "watch")
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "watch"
    written = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()} - {Path(MANIFEST)}
    assert {Path(line).relative_to("watch") for line in done.stdout.splitlines()} == written
    assert written == {
        path.relative_to(ROOT)
        for name in SHIPPED
        for path in [ROOT / name, *(ROOT / name).rglob("*")]
        if path.is_file()
    }
    assert all((folder / name).read_bytes() == (ROOT / name).read_bytes() for name in written)
    subprocess.run([promtool, "check", "config", "prometheus.yml"], cwd=folder, check=True, timeout=60)
    subprocess.run([amtool, "check-config", "alerts/alertmanager.yml"], cwd=folder, check=True, timeout=60)


def test_assets_overwrite_nothing_unasked(run: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path) -> None:
    assert run("assets", "watch").returncode == 0
    again = run("assets", "watch")
    assert (again.returncode, again.stdout) == (0, "")
    mine = tmp_path / "watch" / "prometheus.yml"
    mine.write_text("# mine\n")
    (tmp_path / "watch" / "alerts" / "alertmanager.yml").unlink()
    kept = run("assets", "watch")
    assert (kept.returncode, mine.read_text()) == (0, "# mine\n")
    assert "watch/prometheus.yml: was edited and is kept; --force replaces it" in kept.stderr
    assert "-# mine" in kept.stdout
    assert "+global:" in kept.stdout
    assert (tmp_path / "watch" / "alerts" / "alertmanager.yml").exists(), "what is missing is written"
    forced = run("assets", "watch", "--force")
    assert (forced.returncode, forced.stdout.splitlines()) == (0, ["watch/prometheus.yml"])
    assert mine.read_bytes() == (ROOT / "prometheus.yml").read_bytes()


def test_nothing_else_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        top = {name.partition("/")[0] for name in archive.namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"daemon", "ingest"}


def test_the_project_ships_what_the_command_writes() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert build["force-include"] == {name: f"daemon/shipped/{name}" for name in SHIPPED}
