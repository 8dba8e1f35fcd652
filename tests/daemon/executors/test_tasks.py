"""What a task may be, what comes back, and what it costs."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from types import FunctionType
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from daemon.errors import TaskFailedError, TaskNotPicklableError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import ModuleType

    from daemon.executors.executors import Executors


async def test_the_result_comes_back_from_another_process(executors: Executors, tasks: ModuleType) -> None:
    assert await executors.run_cpu(tasks.add, 2, second=3) == 5
    assert await executors.run_cpu(tasks.pid) != os.getpid()


async def test_the_envelope_tells_what_the_task_cost(executors: Executors, tasks: ModuleType) -> None:
    idle = await executors.submit_cpu(tasks.sleep, 0.2, kind="parse")
    burnt = await executors.submit_cpu(tasks.burn, 0.3)
    hungry = await executors.submit_cpu(tasks.echo, b"x" * (100 * 1024**2))
    after = await executors.submit_cpu(tasks.add, 1)
    assert idle.wall_seconds >= 0.2
    assert idle.cpu_seconds < 0.2
    assert burnt.cpu_seconds >= 0.3
    assert hungry.peak_rss_bytes > 100 * 1024**2
    assert after.peak_rss_bytes < hungry.peak_rss_bytes


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only glibc gives memory back when asked")
async def test_a_worker_gives_back_what_a_large_task_has_left_free_when_it_rests(
    executors: Executors, tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    large = await executors.submit_cpu(tasks.scatter, 200_000)
    worker = psutil.Process(await executors.run_cpu(tasks.pid))
    kept = worker.memory_info().rss
    assert large.peak_rss_bytes - kept < 50 * 1024**2, "the next task of a busy hour finds it"
    await eventually(lambda: kept - worker.memory_info().rss > 150 * 1024**2)


async def test_large_messages_pass_both_ways_while_the_loop_goes_on(executors: Executors, tasks: ModuleType) -> None:
    value = os.urandom(1024) * (60 * 1024)
    assert await executors.run_cpu(tasks.echo, value) == value


async def test_a_lambda_is_refused_by_name_before_it_is_queued(executors: Executors) -> None:
    with pytest.raises(TaskNotPicklableError, match="<lambda>"):
        await executors.run_cpu(lambda: 1)
    assert not any(executors.stats().cpu.tasks.values())


async def test_an_argument_that_cannot_be_sent_names_the_function(executors: Executors, tasks: ModuleType) -> None:
    with pytest.raises(TaskNotPicklableError, match=r"arguments of executor_tasks\.echo"):
        await executors.run_cpu(tasks.echo, tasks.Unpicklable())


async def test_the_tasks_own_error_is_raised_with_the_workers_traceback(
    executors: Executors, tasks: ModuleType
) -> None:
    with pytest.raises(tasks.PlainError, match="oh no") as caught:
        await executors.run_cpu(tasks.raise_plain, "oh no")
    assert "in raise_plain" in caught.value.__notes__[0]
    assert executors.stats().cpu.tasks["task", "error"] == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("raise_unreadable", "UnreadableError: one and two"),
        ("raise_with_lambda", "PlainError: with baggage"),
        ("raise_system_exit", "SystemExit: 3"),
        ("raise_arrow", "no such thing"),
        ("return_unpicklable", "Unpicklable"),
        ("return_arrow", "pyarrow"),
    ],
)
async def test_what_cannot_be_carried_over_is_told_by_its_text(
    executors: Executors, tasks: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    # Other tests of this process may have imported it; the daemon never does.
    for module in [module for module in sys.modules if module.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, module)
    before = await executors.run_cpu(tasks.pid)
    with pytest.raises(TaskFailedError, match=text):
        await executors.run_cpu(getattr(tasks, name))
    assert await executors.run_cpu(tasks.pid) == before
    assert "pyarrow" not in sys.modules


async def test_memory_error_is_ordinary_and_the_worker_is_replaced(
    executors: Executors, tasks: ModuleType, eventually: Callable[..., Any]
) -> None:
    first = await executors.run_cpu(tasks.pid)
    with pytest.raises(MemoryError):
        await executors.run_cpu(tasks.allocate, 8 * 1024**3)
    await eventually(lambda: executors.stats().cpu.restarts["memory"] == 1)
    assert await executors.run_cpu(tasks.pid) != first


async def test_want_of_memory_is_told_as_such_by_a_library_that_workers_alone_import(
    executors: Executors, tasks: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [module for module in sys.modules if module.partition(".")[0] == "pyarrow"]:
        monkeypatch.delitem(sys.modules, module)
    with pytest.raises(MemoryError, match="ArrowMemoryError"):
        await executors.run_cpu(tasks.allocate_by_arrow, 8 * 1024**3)
    assert "pyarrow" not in sys.modules


async def test_a_task_may_have_less_memory_than_the_worker(executors: Executors, tasks: ModuleType) -> None:
    with pytest.raises(MemoryError):
        await executors.submit_cpu(tasks.allocate, 600 * 1024**2, memory_bytes=512 * 1024**2)
    assert (await executors.submit_cpu(tasks.allocate, 600 * 1024**2)).value == 600 * 1024**2


async def test_an_ordinary_arrow_job_fits_into_two_gibibytes(
    make_executors: Callable[..., Executors], tasks: ModuleType
) -> None:
    async with make_executors(preload=("pyarrow", "pyarrow.compute", "fastexcel")) as executors:
        assert await executors.run_cpu(tasks.arrow_table, 1_000_000) == 1_000_000


async def test_the_parser_is_preloaded_without_pandas_which_a_task_can_still_import(
    make_executors: Callable[..., Executors], tasks: ModuleType
) -> None:
    async with make_executors(preload=("ingest.preload:preload",)) as executors:
        found = await executors.run_cpu(tasks.imported, "ingest.parse", "pyarrow.compute", "numpy", "pandas")
        assert found == {"ingest.parse", "pyarrow.compute", "numpy"}
        assert await executors.run_cpu(tasks.through_a_frame, 3) == [1, ["a"] * 4]
        assert await executors.run_cpu(tasks.arrow_table, 1000) == 1000


async def test_what_tasks_print_does_not_reach_standard_output(
    capfd: pytest.CaptureFixture[str], make_executors: Callable[..., Executors], tasks: ModuleType
) -> None:
    async with make_executors() as executors:
        await executors.run_cpu(tasks.print_text, "noise")
    captured = capfd.readouterr()
    assert "noise" not in captured.out
    assert "noise" in captured.err


def test_the_daemons_process_never_imports_what_workers_preload(task_folder: Path) -> None:
    script = textwrap.dedent(
        f"""
        import asyncio, sys
        sys.path[:0] = [{str(task_folder)!r}, {str(task_folder.parent)!r}]
        import executor_fixtures, executor_tasks

        async def main():
            preload = ("pyarrow", "pandas", "fastexcel", "openpyxl")
            async with executor_fixtures.build(preload=preload) as executors:
                assert await executors.run_cpu(executor_tasks.arrow_table, 10) == 10
            print(sorted({{*preload, "numpy"}} & set(sys.modules)))

        asyncio.run(main())
        """
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]"


async def test_a_function_of_the_script_itself_is_refused(executors: Executors) -> None:
    function = type(executors).run_cpu
    main_function = FunctionType(function.__code__, {}, "main_function")
    main_function.__module__ = "__main__"
    with pytest.raises(TaskNotPicklableError, match="move it from the script"):
        await executors.run_cpu(main_function)
