"""How the executors are sized on made-up machines, and refused where they cannot fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from daemon.config.settings import ExecutorSettings
from daemon.config.sizing import DAEMON_BYTES, MIB, DoesNotFitError, detect_machine, executor_limits, executor_sizes
from daemon.machine.cgroup import CgroupTree

if TYPE_CHECKING:
    from pathlib import Path

    from daemon.config.sizing import Machine


def _machine(tmp_path: Path, files: dict[str, str], membership: str = "0::/\n", affinity: int = 8) -> Machine:
    (tmp_path / "membership").write_text(membership)
    for name, text in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    tree = CgroupTree(root=tmp_path / "cgroup", membership=tmp_path / "membership")
    return detect_machine(tree, affinity=affinity)


@pytest.mark.parametrize(
    ("membership", "files", "mebibytes", "source"),
    [
        pytest.param("0::/\n", {"memory.max": f"{1 << 30}\n"}, 1024, "cgroup v2 memory.max", id="v2"),
        pytest.param("0::/\n", {"memory.max": "max\n"}, None, "", id="v2 without a limit"),
        pytest.param(
            "0::/a/b\n",
            {"a/b/memory.max": f"{4 << 30}", "a/memory.max": f"{2 << 30}"},
            2048,
            "cgroup v2 memory.max",
            id="the tightest group above binds",
        ),
        pytest.param(
            "9:memory:/pod\n",
            {"memory/pod/memory.limit_in_bytes": f"{512 * MIB}"},
            512,
            "cgroup v1 memory limit",
            id="v1",
        ),
        pytest.param(
            "9:memory:/pod\n", {"memory/pod/memory.limit_in_bytes": "9223372036854771712"}, None, "", id="v1 without"
        ),
    ],
)
def test_the_memory_limit_is_found(
    tmp_path: Path, membership: str, files: dict[str, str], mebibytes: int | None, source: str
) -> None:
    limit = _machine(tmp_path, files, membership).memory
    if mebibytes is None:
        assert limit is None
    else:
        assert limit is not None
        assert (limit.size_bytes // MIB, limit.source) == (mebibytes, source)


@pytest.mark.parametrize(
    ("limit_mb", "cores", "settings", "expected"),
    [
        pytest.param(None, 4, {}, (3, 2048, "no memory limit found"), id="no limit"),
        pytest.param(16384, 4, {}, (3, 2048, "memory limit of 16384 MiB"), id="room for all"),
        pytest.param(
            4096, 4, {}, (3, 1322, "(the memory limit of 4096 MiB (cgroup v2 memory.max) - 128) / 3"), id="shared"
        ),
        pytest.param(1024, 8, {}, (2, 448, "- 128) / 2"), id="fewer workers, so that each has enough"),
        pytest.param(512, 2, {}, (1, 384, "- 128) / 1"), id="a small container"),
        pytest.param(4096, 4, {"cpu_workers": 8}, (8, 496, "- 128) / 8"), id="as many as configured"),
        pytest.param(1024, 4, {"worker_memory_mb": 512}, (3, 512, "configured"), id="memory as configured"),
    ],
)
def test_memory_is_divided_over_the_workers(
    tmp_path: Path, limit_mb: int | None, cores: int, settings: dict[str, Any], expected: tuple[int, int, str]
) -> None:
    workers, worker_mb, source = expected
    machine = _machine(tmp_path, {"memory.max": str(limit_mb * MIB) if limit_mb else "max"}, affinity=cores)
    sizes = executor_sizes(ExecutorSettings(**settings), machine)
    assert (sizes.cpu.workers, sizes.memory.size_bytes // MIB) == (workers, worker_mb)
    assert source in sizes.memory.source
    if limit_mb and "worker_memory_mb" not in settings:
        assert sizes.memory.size_bytes * sizes.cpu.workers + DAEMON_BYTES <= limit_mb * MIB
    limits = executor_limits(ExecutorSettings(**settings), machine)
    assert (limits.cpu_workers, limits.worker_memory_bytes) == (workers, sizes.memory.size_bytes)


@pytest.mark.parametrize(
    ("limit_mb", "settings", "message"),
    [
        (
            1024,
            {"cpu_workers": 4},
            r"limit of 1024 MiB \(cgroup v2 memory.max\) leaves 224 MiB for each of 4 workers, which need 320 MiB; ",
        ),
        (
            1024,
            {"cpu_workers": 4},
            r"; set executors.cpu_workers to at most 2, raise the memory limit, or set executors.",
        ),
        (256, {}, r"leaves 128 MiB for each of 1 workers.*; raise the memory limit to 448 MiB or more, or set"),
        (64, {"cpu_workers": 2}, r"leaves 0 MiB for each of 2 workers.*; raise the memory limit to 768 MiB or more"),
    ],
)
def test_what_cannot_fit_is_refused_with_what_would(
    tmp_path: Path, limit_mb: int, settings: dict[str, Any], message: str
) -> None:
    machine = _machine(tmp_path, {"memory.max": str(limit_mb * MIB)}, affinity=2)
    with pytest.raises(DoesNotFitError, match=message):
        executor_sizes(ExecutorSettings(**settings), machine)


def test_memory_that_is_configured_beyond_the_limit_is_a_warning(tmp_path: Path) -> None:
    machine = _machine(tmp_path, {"memory.max": str(1024 * MIB)})
    sizes = executor_sizes(ExecutorSettings(cpu_workers=2, worker_memory_mb=1024), machine)
    assert "do not fit into the memory limit of 1024 MiB" in sizes.memory.warning
    assert not executor_sizes(ExecutorSettings(cpu_workers=1, worker_memory_mb=512), machine).memory.warning
