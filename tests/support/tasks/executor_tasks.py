"""What the executors' tests run in worker processes and threads."""

from __future__ import annotations

import decimal
import errno
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ingest.output.kept import KeptFile


class UnreadableError(Exception):
    """Pickles well and cannot be read back: its constructor wants more than its arguments."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


class PlainError(Exception):
    """Survives the way back as it is."""


class Unpicklable:
    def __reduce__(self) -> Any:
        raise TypeError("not me")


def add(first: int, second: int = 0) -> int:
    return first + second


def sleep_and_add(first: int, second: int) -> int:
    time.sleep(0.002)
    return first + second


def echo(value: Any) -> Any:
    return value


def pid() -> int:
    return os.getpid()


def parent() -> int:
    return os.getppid()


def sleep(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def note_and_sleep(path: str, seconds: float) -> None:
    """Say in a file that the task has begun, by a rename, so that a reader sees the whole pid."""
    Path(path + ".new").write_text(str(os.getpid()))
    Path(path + ".new").rename(path)
    time.sleep(seconds)


def note(path: str, text: str) -> None:
    with Path(path).open("a") as file:
        file.write(text + "\n")


def spin_forever() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        pass


def exit_now(code: int) -> None:
    os._exit(code)


def raise_system_exit() -> None:
    sys.exit(3)


def abort() -> None:
    os.abort()


def raise_plain(text: str) -> None:
    raise PlainError(text)


def raise_unreadable() -> None:
    raise UnreadableError("one", "two")


def raise_with_lambda() -> None:
    error = PlainError("with baggage")
    vars(error)["baggage"] = lambda: None
    raise error


def raise_stop_iteration() -> None:
    raise StopIteration("stop")


def return_unpicklable() -> Any:
    return Unpicklable()


def allocate(size_bytes: int) -> int:
    return len(bytearray(size_bytes))


def allocate_by_arrow(size_bytes: int) -> int:
    import pyarrow as pa  # noqa: PLC0415  # only where the task runs

    return int(pa.allocate_buffer(size_bytes).size)


def hold(size_bytes: int) -> int:
    """Keep memory beyond the end of the task, as a leaking library would."""
    _held.append(b"x" * size_bytes)
    return os.getpid()


_held: list[bytes] = []


def burn(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def burn_and_exit(seconds: float) -> None:
    burn(seconds)
    os._exit(1)


def environment() -> dict[str, str]:
    return dict(os.environ)


def descriptors() -> dict[int, str]:
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found[int(entry.name)] = str(entry.readlink())
        except OSError:
            continue
    return found


def limits() -> dict[str, tuple[int, int]]:
    names = ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NOFILE", "RLIMIT_CORE")
    return {name: resource.getrlimit(getattr(resource, name)) for name in names}


def scheduling() -> tuple[int, int, int, str]:
    group = Path("/proc/self/autogroup")
    # Not every kernel has autogroups.
    autogroup = group.read_text().strip().partition(" ")[2] if group.exists() else ""
    return os.sched_getscheduler(0), os.nice(0), os.getsid(0), autogroup


def outlive_signals() -> list[str]:
    """Send this worker what the daemon's group is sent; nothing comes back if one of them ends it."""
    outlived = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(os.getpid(), number)
        outlived.append(number.name)
    return outlived


def end_child_by(number: int) -> int:
    """Return how a program ended that was started here and sent a signal."""
    child = subprocess.Popen(["sleep", "300"])
    child.send_signal(number)
    return child.wait(30)


def start_child() -> int:
    return subprocess.Popen(["sleep", "300"], close_fds=False).pid


def start_child_and_spin(path: str) -> None:
    Path(path + ".new").write_text(str(start_child()))
    Path(path + ".new").rename(path)
    spin_forever()


def print_text(text: str) -> None:
    print(text, flush=True)  # noqa: T201  # that is the point


def arrow_table(rows: int) -> int:
    import pyarrow as pa  # noqa: PLC0415
    import pyarrow.compute as pc  # noqa: PLC0415

    numbers = pa.array(range(rows))
    table = pa.table({"number": numbers, "text": pc.cast(numbers, pa.string())})
    return int(table.group_by("text").aggregate([("number", "sum")]).num_rows)


def return_arrow() -> Any:
    import pyarrow as pa  # noqa: PLC0415

    return pa.array([1])


def raise_arrow() -> None:
    import pyarrow as pa  # noqa: PLC0415

    raise pa.ArrowInvalid("no such thing")


def thread_name() -> str:
    return threading.current_thread().name


def wait_for(event: threading.Event) -> str:
    event.wait()
    return "done"


def imported(*names: str) -> set[str]:
    return set(names) & set(sys.modules)


def through_a_frame(rows: int) -> list[Any]:
    import pyarrow as pa  # noqa: PLC0415

    frame = pa.table({"number": pa.array([*range(rows), None]), "text": ["a"] * (rows + 1)}).to_pandas()
    frame["number"] = frame["number"].astype("float64")
    again = pa.Array.from_pandas(frame["number"])
    return [again.null_count, pa.array(frame["text"]).to_pylist()]


def scatter(pieces: int) -> int:
    """Allocate kilobytes, let all but the last go: the free ones lie below it, where the allocator keeps them."""
    held = [bytes(1000) for _ in range(pieces)]
    KEPT.append(held[-1])
    return len(held)


KEPT: list[Any] = []


def leave_changed(what: str) -> int:
    """Leave something in the process as no task found it."""
    changes: dict[str, Callable[[], object]] = {
        "decimal context": lambda: setattr(decimal.getcontext(), "prec", 4),
        "descriptors": lambda: os.open(os.devnull, os.O_RDONLY),
        "environment": lambda: os.environ.update(LEFT_BEHIND="yes"),
        "folder": lambda: os.chdir("/"),
        "limits": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 256)),
        "file mode mask": lambda: os.umask(0o777),
        "processes": lambda: KEPT.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)),
    }
    changes[what]()
    return os.getpid()


def precision() -> int:
    return decimal.getcontext().prec


def terminate_what_it_starts() -> int:
    """Start a program, end it as everybody does, and return how it ended."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as started:
        started.terminate()
        return started.wait(60)


def terminate_a_fork() -> int:
    """Fork without starting a program, and end that."""
    pid = os.fork()
    if pid == 0:
        time.sleep(600)
        os._exit(0)
    os.kill(pid, signal.SIGTERM)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def write_after_deaths(kept: KeptFile, out: Path, _form: str) -> None:
    """Die as often as the file says, then write."""
    left = int(kept.path.read_text())
    if left:
        kept.path.write_text(str(left - 1))
        os.kill(os.getpid(), signal.SIGKILL)
    out.write_text("written")


def write_on_a_full_disk(*_: object) -> None:
    """Find no room for what is to be written."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
