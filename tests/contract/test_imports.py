"""Who may import whom, read from the source tree."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DAEMON, INGEST = sorted((ROOT / "daemon").rglob("*.py")), sorted((ROOT / "ingest").rglob("*.py"))
HEAVY = {"pandas", "pyarrow", "openpyxl", "fastexcel", "numpy", "xlrd", "lxml"}
WORKER_ONLY_ROOTS = {"ingest.parse", "ingest.output.grid"}
"""The modules of ingest that the daemon only names inside of functions that run in a worker."""


def imports(path: Path, *, nested: bool = True) -> Iterator[str]:
    """Yield the full names of what a module imports; without `nested`, only what importing it imports."""
    package = ".".join(path.relative_to(ROOT).with_suffix("").parts[:-1])
    for node in _statements(ast.parse(path.read_text(encoding="utf-8")), nested=nested):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join([*package.split(".")[: len(package.split(".")) - node.level + 1]]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _statements(tree: ast.AST, *, nested: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        yield node
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        in_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if nested or not (typing_only or in_function):
            yield from _statements(node, nested=nested)


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def top(name: str) -> str:
    return name.partition(".")[0]


def test_the_reader_of_imports_sees_them() -> None:
    assert "daemon.errors" in set(imports(ROOT / "daemon" / "ledger.py"))
    assert "ingest.parse" in set(imports(ROOT / "daemon" / "pools" / "worktasks.py"))
    assert "ingest.parse" not in set(imports(ROOT / "daemon" / "pools" / "worktasks.py", nested=False))


def test_ingest_knows_nothing_of_the_daemon() -> None:
    for path in INGEST:
        found = {top(name) for name in imports(path)}
        assert not found & {"daemon", "asyncio", "prometheus_client", "aiohttp"}, path


def test_only_the_commands_compose_the_service() -> None:
    users = {path.name for path in DAEMON if "daemon.service" in set(imports(path))}
    assert users <= {"serving.py"}, users
    users = {path.name for path in DAEMON if "daemon.assembly" in set(imports(path))}
    assert users <= {"service.py", "oneshot.py"}, users


@pytest.mark.parametrize(
    "name",
    [
        *("executors", "pools/cpu_pool", "pools/io_pool", "ledger", "dispatcher", "attempts", "database"),
        *("store/pool_watch", "store/server_watch", "telemetry/loopwatch", "resources"),
        *("telemetry/process_groups", "telemetry/histogram"),
    ],
)
def test_parts_do_not_know_how_they_are_measured(name: str) -> None:
    found = set(imports(ROOT / "daemon" / f"{name}.py", nested=False))
    parts = tuple(f"daemon.metrics.{part}" for part in ("collectors", "definitions", "catalogue"))
    measuring = ("prometheus_client", "daemon.metrics", *parts)
    assert not {one for one in found if one.startswith(measuring) or one.endswith("_metrics")}


def test_only_configuration_and_commands_read_the_environment() -> None:
    readers = set()
    for path in [*DAEMON, *INGEST]:
        text = path.read_text(encoding="utf-8")
        if "os.environ" in text or "getenv" in text:
            readers.add(path.name)
    assert readers <= {
        "config.py",
        "invocation.py",
        "serving.py",
        "loading.py",
        "worker_process.py",
        "forks.py",
        "oneshot.py",
    }, readers


def test_importing_the_daemon_imports_no_parsing_library() -> None:
    """Follows imports from daemon's modules through ingest, as Python would at start."""
    by_name = {module_of(path): path for path in [*DAEMON, *INGEST]}
    seen, waiting = set(), [name for name in by_name if top(name) == "daemon"]
    while waiting:
        name = waiting.pop()
        if name in seen or name not in by_name:
            continue
        seen.add(name)
        found = set(imports(by_name[name], nested=False))
        assert not {top(one) for one in found} & HEAVY, name
        waiting += found
    assert "ingest.spec.dataset" in seen
    assert not WORKER_ONLY_ROOTS & seen
