"""Who may import whom, package by package, read from the source tree; and how much one function may be."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from import_graph import ROOT, sources
from import_graph import imports as own_imports

DAEMON, INGEST = sorted((ROOT / "daemon").rglob("*.py")), sorted((ROOT / "ingest").rglob("*.py"))
HEAVY = {"pandas", "pyarrow", "openpyxl", "fastexcel", "numpy", "xlrd", "lxml"}
WORKER_ONLY_ROOTS = {"ingest.parse", "ingest.output.grid"}
"""The modules of ingest that the daemon only names inside of functions that run in a worker."""
CLUSTER = {"dask", "distributed", "tornado"}
"""The libraries of an extra, which cost a daemon without a cluster nothing."""

FLOORS = {
    "daemon": (
        ("__main__",),
        ("cli",),
        ("backfill",),
        ("oneshot", "service", "worker"),
        ("reload",),
        ("assembly",),
        ("api", "exporter"),
        ("intake",),
        ("pipeline",),
        ("metrics",),
        ("cluster",),
        ("ledger", "executors", "spool"),
        ("database", "lifecycle", "storage"),
        ("config",),
        ("machine",),
        ("errors", "histogram", "version", "__init__"),
    ),
    "ingest": (
        ("mapping",),
        ("archive", "infer", "load", "parse", "preload"),
        ("output",),
        ("columns",),
        ("table",),
        ("formats",),
        ("cells", "spec", "freed_memory"),
        ("errors", "invisible", "parallel", "unspaced"),
        ("languages",),
        ("messages", "__init__"),
    ),
}
"""The packages and the modules beside them, from the top floor down: imports lead to a lower floor only."""

TAKEN_FROM_INGEST = {
    "assembly": {"spec"},
    "api": {"errors", "languages", "mapping", "messages", "spec"},
    "backfill": {"errors", "languages", "messages", "spec"},
    "cli": {"errors", "languages", "messages", "output", "spec"},
    "cluster": {"messages"},
    "config": {"messages", "spec"},
    "errors": {"messages"},
    "exporter": {"languages", "spec"},
    "intake": {"errors", "languages", "messages", "spec"},
    "ledger": {"errors", "languages", "messages", "preload", "spec"},
    "metrics": {"errors"},
    "oneshot": {"errors", "languages", "messages", "spec"},
    "pipeline": {
        "archive",
        "errors",
        "infer",
        "languages",
        "load",
        "mapping",
        "messages",
        "output",
        "parallel",
        "parse",
        "spec",
    },
    "reload": {"spec"},
    "service": {"spec"},
    "spool": {"messages", "output"},
    "storage": {"errors", "messages"},
}
"""What each package of the daemon knows of ingest; `load` is the pipeline's alone."""

LINES_MAX, PARAMETERS_MAX = 60, 7
FROZEN = {"upgrade"}
"""Migrations are history and stay as they were written."""


def imports(path: Path, *, nested: bool = True) -> Iterator[tuple[int, str]]:
    """Yield line and full name of what a module imports; without `nested`, only what importing it imports."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in _statements(ast.parse(path.read_text(encoding="utf-8")), nested=nested):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield node.lineno, module
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def _statements(tree: ast.AST, *, nested: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        yield node
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        in_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if nested or not (typing_only or in_function):
            yield from _statements(node, nested=nested)


def names(path: Path, *, nested: bool = True) -> set[str]:
    return {name for _, name in imports(path, nested=nested)}


def top(name: str) -> str:
    return name.partition(".")[0]


def room(name: str) -> str:
    """Return the package below daemon or ingest that a module lies in, or the module beside the packages itself."""
    return ([*name.split("."), "__init__"])[1]


def arrows() -> Iterator[tuple[str, str, str]]:
    """Yield the place of each import between our own modules, the importing module and the imported one."""
    files = sources()
    for one in own_imports():
        yield f"{files[one.importer].relative_to(ROOT)}:{one.line}", one.importer, one.imported


def test_the_reader_of_imports_sees_them() -> None:
    tasks = ROOT / "daemon" / "pipeline" / "worker_tasks.py"
    assert "daemon.errors" in names(ROOT / "daemon" / "ledger" / "leases.py")
    assert "ingest.parse" in names(tasks)
    assert "ingest.parse" not in names(tasks, nested=False)
    assert len(list(arrows())) > len(DAEMON)


def test_every_room_has_its_floor() -> None:
    for package, floors in FLOORS.items():
        listed = [name for floor in floors for name in floor]
        here = {
            path.stem for path in (ROOT / package).iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
        }
        assert sorted(listed) == sorted(here)


def test_imports_lead_down() -> None:
    """Lazy imports and those for types alone included; rooms of one floor know nothing of each other."""
    upwards = []
    for place, importing, imported in arrows():
        package = top(importing)
        if package != top(imported) or room(importing) == room(imported):
            continue
        level = {name: number for number, floor in enumerate(FLOORS[package]) for name in floor}
        if level[room(importing)] >= level[room(imported)]:
            upwards.append(f"{place}: {importing} imports {imported}")
    assert not upwards, "\n".join(upwards)


def test_no_module_imports_itself_by_a_detour() -> None:
    """Inside of a package, too: a circle of files is one file too many or a cut in the wrong place."""
    graph: dict[str, set[str]] = {}
    for _, importing, imported in arrows():
        graph.setdefault(importing, set()).add(imported)
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " -> ".join((*way[way.index(name) :], name))
        if name not in done:
            for following in sorted(graph.get(name, ())):
                visit(following, (*way, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())


def test_ingest_knows_nothing_of_the_daemon_and_the_daemon_little_of_it() -> None:
    for path in INGEST:
        assert not {top(name) for name in names(path)} & {"daemon", "asyncio", "prometheus_client", "aiohttp"}, path
    for place, importing, imported in arrows():
        if top(importing) == "daemon" and top(imported) == "ingest":
            assert room(imported) in TAKEN_FROM_INGEST.get(room(importing), set()), f"{place}: {imported}"


@pytest.mark.parametrize(
    "package", ["executors", "ledger", "database", "machine", "lifecycle", "pipeline", "intake", "storage"]
)
def test_parts_do_not_know_how_they_are_exported(package: str) -> None:
    """Who is measured hands out numbers; only the metrics and their exporter know Prometheus."""
    for path in sorted((ROOT / "daemon" / package).rglob("*.py")):
        assert "prometheus_client" not in {top(name) for name in names(path)}, path


def test_only_configuration_and_commands_read_the_environment() -> None:
    readers = set()
    for path in [*DAEMON, *INGEST]:
        text = path.read_text(encoding="utf-8")
        if "os.environ" in text or "getenv" in text:
            readers.add(str(path.relative_to(ROOT / "daemon")))
    assert readers <= {
        "config/load.py",
        "config/service_file.py",
        "cli/invocation.py",
        "cli/run_check.py",
        "cli/backfill.py",
        "cli/ingest.py",
        "cli/worker.py",
        "executors/process_state.py",
        "executors/worker_process.py",
        "executors/forkserver_client.py",
        "oneshot.py",
    }, readers


def imported_at_start(roots: Iterable[str]) -> dict[str, set[str]]:
    """Return what each module imports that Python would import with these; it follows them through our own."""
    by_name = sources()
    found: dict[str, set[str]] = {}
    waiting = [*roots]
    while waiting:
        name = waiting.pop()
        if name not in found and name in by_name:
            found[name] = names(by_name[name], nested=False)
            waiting += found[name]
    return found


def test_importing_the_daemon_imports_no_parsing_library() -> None:
    found = imported_at_start(name for name in sources() if top(name) == "daemon")
    for name, imported in found.items():
        assert not {top(one) for one in imported} & HEAVY, name
    assert "ingest.spec.dataset" in found
    assert not WORKER_ONLY_ROOTS & found.keys()


def test_a_daemon_without_a_cluster_does_not_import_its_library() -> None:
    """Nor does a command: only `headgate worker`, and a daemon whose configuration names the engine."""
    of_clusters = {name for name in sources() if name == "daemon.worker" or name.startswith("daemon.cluster.")}
    found = imported_at_start(name for name in sources() if top(name) == "daemon" and name not in of_clusters)
    for name, imported in found.items():
        assert not {top(one) for one in imported} & CLUSTER, name
    assert "daemon.cluster.call" in found, "the words of both sides need no library"
    assert "daemon.cluster.cluster" not in found
    assert CLUSTER & {top(one) for name in of_clusters for one in names(sources()[name], nested=False)}


def test_functions_and_constructors_stay_small() -> None:
    large = []
    for path in [*DAEMON, *INGEST]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or node.name in FROZEN:
                continue
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            parameters = len([*node.args.args, *node.args.kwonlyargs]) - 1
            if lines > LINES_MAX or (node.name == "__init__" and parameters > PARAMETERS_MAX):
                large.append(
                    f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}, {lines} lines, {parameters} parameters"
                )
    assert not large, "\n".join(large)
