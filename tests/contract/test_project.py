"""What holds for the tree as a whole: no registry's host, no machine's path."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
URL_HOST = re.compile(r"https?://([A-Za-z][\w.-]*\.[A-Za-z]{2,})")
KNOWN_HOSTS = {
    # Referred to in documents and comments; nothing is fetched from any of them.
    *("keepachangelog.com", "semver.org", "www.postgresql.org", "sqlite.org", "prometheus.io", "grafana.com"),
    *("schemas.openxmlformats.org", "www.w3.org", "distributed.dask.org"),
    # For documentation only (RFC 2606).
    "example.com",
}
IGNORED = {
    *(".venv/", ".cache", "__pycache__/", "*.egg-info/", "build/", "dist/", "var/", "deploy/secrets/"),
    *(".mypy_cache/", ".pytest_cache/", ".ruff_cache/", ".hypothesis/", ".coverage", "node_modules/"),
}
ROOT_HOLDS = {
    *("alerts", "daemon", "deploy", "docs", "examples", "grafana", "ingest", "tests"),
    *(
        "pyproject.toml",
        "prometheus.yml",
        "Makefile",
        "README.md",
        "README.zh-CN.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    ),
    *("LICENSE", ".ci", ".editorconfig", ".github", ".gitignore", ".pre-commit-config.yaml"),
}


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_the_root_holds_only_what_is_listed() -> None:
    """What git ignores is not looked at, so .gitignore names no more than what the tools of the Makefile leave."""
    ask = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-per-directory=.gitignore"]
    listed = subprocess.run(ask, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {name.partition("/")[0] for name in listed.split("\0") if name and (ROOT / name).exists()} == ROOT_HOLDS
    ignored = (ROOT / ".gitignore").read_text().split()
    assert set(ignored) <= IGNORED


def test_every_target_of_the_makefile_has_one_recipe() -> None:
    targets = re.findall(r"^([\w./-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert sorted(targets) == sorted({*targets})
    assert {"test", "check", "quick", "coverage"} <= {*targets}


def test_no_file_names_a_host_that_nobody_expects() -> None:
    """A package registry's or a mirror's name would tie the project to one place."""
    unexpected = {
        (str(path.relative_to(ROOT)), host)
        for path in tracked()
        for host in URL_HOST.findall(path.read_bytes().decode("utf-8", "replace"))
        if not host.endswith(tuple(KNOWN_HOSTS))
    }
    assert not unexpected


def test_every_dependency_has_a_lower_bound_and_a_use() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for requirement in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        assert ">=" in requirement, requirement
