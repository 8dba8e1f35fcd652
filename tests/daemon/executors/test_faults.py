"""Workers and fork servers that die, hang or never start: each costs only its own task."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import psutil
import pytest
import uvloop

from daemon.errors import PoolClosedError, TaskTimeoutError, WorkerCrashedError, WorkerStartError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    from daemon.executors.executors import Executors


async def _begin(
    executors: Executors, tasks: ModuleType, eventually: Callable[..., Any], path: Path, seconds: float = 300.0
) -> tuple[asyncio.Task[Any], int]:
    """Start a task that says when it runs; return the asyncio task and its worker's pid."""
    running = asyncio.create_task(executors.run_cpu(tasks.note_and_sleep, str(path), seconds))
    return running, int(await eventually(lambda: path.exists() and path.read_text()))


def _gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


async def test_a_killed_busy_worker_costs_only_its_own_task(
    executors: Executors, tasks: ModuleType, eventually: Callable[..., Any], tmp_path: Path
) -> None:
    victim, pid = await _begin(executors, tasks, eventually, tmp_path / "victim")
    other, _ = await _begin(executors, tasks, eventually, tmp_path / "other", 0.5)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(WorkerCrashedError, match="SIGKILL"):
        await victim
    await other
    assert await executors.run_cpu(tasks.add, 1, 1) == 2
    stats = executors.stats().cpu
    assert stats.tasks["task", "crashed"] == 1
    assert stats.restarts["crash"] == 1


async def test_a_killed_idle_worker_costs_no_task(
    executors: Executors, tasks: ModuleType, eventually: Callable[..., Any], tmp_path: Path
) -> None:
    busy, _ = await _begin(executors, tasks, eventually, tmp_path / "busy", 0.5)
    idle = await executors.run_cpu(tasks.pid)
    os.kill(idle, signal.SIGKILL)
    await busy
    await eventually(lambda: idle not in executors.stats().cpu.worker_pids)
    assert executors.stats().cpu.restarts["crash"] == 1
    assert await executors.run_cpu(tasks.pid) != idle


async def test_a_task_sent_to_a_worker_that_has_just_died_runs_elsewhere(
    executors: Executors, tasks: ModuleType
) -> None:
    for _ in range(20):
        idle = await executors.run_cpu(tasks.pid)
        os.kill(idle, signal.SIGKILL)
        assert await executors.run_cpu(tasks.pid) != idle
    assert executors.stats().cpu.tasks["task", "ok"] == 40


@pytest.mark.parametrize(("name", "args", "how"), [("exit_now", (7,), "code 7"), ("abort", (), "SIGABRT")])
async def test_a_crash_says_how_the_worker_ended(
    executors: Executors, tasks: ModuleType, name: str, args: tuple[Any, ...], how: str
) -> None:
    with pytest.raises(WorkerCrashedError, match=how):
        await executors.run_cpu(getattr(tasks, name), *args)
    assert await executors.run_cpu(tasks.add, 1) == 1


async def test_a_busy_loop_that_ignores_sigterm_is_killed_at_its_deadline(
    executors: Executors, tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    with pytest.raises(TaskTimeoutError, match="spin_forever passed its deadline"):
        await executors.run_cpu(tasks.spin_forever, timeout=0.3)
    await eventually(lambda: executors.stats().cpu.restarts["timeout"] == 1)
    assert executors.stats().cpu.worker_pids == ()
    assert executors.stats().cpu.tasks["task", "timeout"] == 1


@pytest.mark.slow
async def test_a_task_that_uses_up_its_cpu_time_is_a_timeout(
    make_executors: Callable[..., Executors], tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    async with make_executors(worker_cpu_seconds=1.0) as executors:
        for _ in range(3):
            await executors.run_cpu(tasks.burn, 0.6)
        with pytest.raises(TaskTimeoutError, match="CPU time"):
            await executors.run_cpu(tasks.spin_forever)
        await eventually(lambda: executors.stats().cpu.restarts["timeout"] == 1)


async def test_cancelling_kills_the_worker_and_frees_its_place(
    executors: Executors, tasks: ModuleType, eventually: Callable[..., Any], tmp_path: Path
) -> None:
    running, pid = await _begin(executors, tasks, eventually, tmp_path / "running")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await eventually(lambda: _gone(pid))
    await eventually(lambda: executors.stats().cpu.workers_busy == 0)
    assert executors.stats().cpu.tasks["task", "cancelled"] == 1
    assert sum(executors.stats().cpu.restarts.values()) == 0


async def test_what_a_task_has_started_dies_with_its_worker(
    executors: Executors, tasks: ModuleType, eventually: Callable[..., Any], tmp_path: Path
) -> None:
    path = tmp_path / "child"
    with pytest.raises(TaskTimeoutError):
        await executors.run_cpu(tasks.start_child_and_spin, str(path), timeout=4.0)
    await eventually(lambda: _gone(int(path.read_text())))


async def test_the_fork_server_is_replaced_when_it_dies(
    executors: Executors, tasks: ModuleType, eventually: Callable[..., Any], tmp_path: Path
) -> None:
    running, _ = await _begin(executors, tasks, eventually, tmp_path / "running")
    first = executors.fork_server_pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    with pytest.raises(WorkerCrashedError, match="fork server"):
        await running
    await eventually(lambda: executors.fork_server_pid not in (None, first))
    assert await executors.run_cpu(tasks.parent) == executors.fork_server_pid


async def test_tasks_go_on_through_a_fork_server_that_dies_while_they_ask_for_workers(
    make_executors: Callable[..., Executors], tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    async with make_executors(recycle_tasks=1) as executors:
        for _ in range(5):
            os.kill(await eventually(lambda: executors.fork_server_pid), signal.SIGKILL)
            assert await executors.run_cpu(tasks.add, 1, 2) == 3
            await eventually(lambda: not executors.stats().cpu.worker_pids)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import os\nos._exit(3)", "fork server exited with code 3"),
        ("import a_module_that_is_missing", "breaking: ModuleNotFoundError.*a_module_that_is_missing"),
        ("raise RuntimeError('not today')", "RuntimeError: not today"),
    ],
)
async def test_a_preload_that_fails_stops_the_start(
    make_executors: Callable[..., Executors], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, message: str
) -> None:
    (tmp_path / "breaking.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(WorkerStartError, match=message):
        await make_executors(preload=("json", "breaking")).__aenter__()


async def test_a_preload_that_hangs_stops_the_start(
    make_executors: Callable[..., Executors], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hanging.py").write_text("import time\ntime.sleep(300)")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(WorkerStartError, match=r"within 0\.5 s"):
        await make_executors(preload=("hanging",), start_timeout_seconds=0.5).__aenter__()


async def test_workers_that_die_at_their_start_give_every_waiting_task_the_error(
    make_executors: Callable[..., Executors],
    tasks: ModuleType,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    eventually: Callable[..., Any],
) -> None:
    cause = tmp_path / "cause"
    cause.touch()
    (tmp_path / "stillborn.py").write_text(
        f"import os\nos.register_at_fork(after_in_child=lambda: os.path.exists({str(cause)!r}) and os._exit(9))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    async with make_executors(preload=("stillborn",)) as executors:
        waiting = [asyncio.create_task(executors.run_cpu(tasks.add, 1)) for _ in range(50)]
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(result, WorkerStartError) for result in results)
        assert "code 9" in str(results[0])
        assert executors.stats().cpu.tasks["task", "refused"] == 50
        cause.unlink()
        recovered = asyncio.create_task(_until_it_works(executors, tasks))
        await eventually(recovered.done)
        assert recovered.result() == 1


async def _until_it_works(executors: Executors, tasks: ModuleType) -> int:
    while True:
        try:
            return int(await executors.run_cpu(tasks.add, 1))
        except WorkerStartError:
            await asyncio.sleep(0.05)


async def test_a_preload_that_starts_threads_is_logged(
    make_executors: Callable[..., Executors],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    (tmp_path / "threaded.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    async with make_executors(preload=("threaded",)):
        assert "fork server has threads" in caplog.text


async def test_the_parsing_libraries_start_no_threads(
    make_executors: Callable[..., Executors], caplog: pytest.LogCaptureFixture
) -> None:
    async with make_executors(preload=("pyarrow", "pyarrow.compute", "pandas", "fastexcel", "openpyxl")):
        assert "threads" not in caplog.text


async def test_shutdown_at_its_timeout_kills_what_runs_and_sends_the_waiting_away(
    make_executors: Callable[..., Executors], tasks: ModuleType, eventually: Callable[..., Any], tmp_path: Path
) -> None:
    executors = await make_executors(cpu_workers=1).__aenter__()
    running, pid = await _begin(executors, tasks, eventually, tmp_path / "running")
    waiting = asyncio.create_task(executors.run_cpu(tasks.add, 1))
    await eventually(lambda: executors.stats().cpu.queued == 1)
    await executors.shutdown(timeout=0.2)
    for task in (running, waiting):
        with pytest.raises(PoolClosedError):
            await task
    assert _gone(pid)
    assert executors.stats().cpu.tasks["task", "cancelled"] == 2
    with pytest.raises(PoolClosedError):
        await executors.run_cpu(tasks.add, 1)


async def test_shutdown_lets_the_waiting_finish(
    make_executors: Callable[..., Executors], tasks: ModuleType, tmp_path: Path
) -> None:
    executors = await make_executors(cpu_workers=1).__aenter__()
    path = tmp_path / "notes"
    waiting = [asyncio.create_task(executors.run_cpu(tasks.note, str(path), str(n))) for n in range(20)]
    await asyncio.sleep(0)
    await executors.shutdown(timeout=30)
    await asyncio.gather(*waiting)
    assert path.read_text().split() == [str(n) for n in range(20)]


async def test_drain_waits_for_what_was_taken_and_takes_nothing_more(
    executors: Executors, tasks: ModuleType, eventually: Callable[..., Any], tmp_path: Path
) -> None:
    running, _ = await _begin(executors, tasks, eventually, tmp_path / "running", 0.3)
    await executors.drain()
    assert running.done()
    with pytest.raises(PoolClosedError):
        await executors.run_cpu(tasks.add, 1)
    with pytest.raises(PoolClosedError):
        await executors.run_io(time.sleep, 0)


@pytest.mark.slow
def test_workers_that_die_at_once_close_no_descriptor_of_somebody_else(
    make_executors: Callable[..., Executors], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tasks: ModuleType
) -> None:
    """On uvloop, whose transports close descriptors by number: everything else that is open must stay so."""
    (tmp_path / "stillborn.py").write_text("import os\nos.register_at_fork(after_in_child=lambda: os._exit(9))\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    async def churn() -> None:
        async with make_executors(preload=("stillborn",), cpu_workers=4) as executors:
            for _ in range(30):
                starts = [asyncio.create_task(executors.run_cpu(tasks.add, 1)) for _ in range(4)]
                opened = [os.open("/dev/null", os.O_RDONLY) for _ in range(20)]
                await asyncio.gather(*starts, return_exceptions=True)
                executors._spawner._paused_until = 0.0
                gc.collect()
                for descriptor in opened:
                    os.close(descriptor)  # raises when it was closed behind our back

    uvloop.run(churn())
