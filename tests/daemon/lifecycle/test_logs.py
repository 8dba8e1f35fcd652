"""Log lines whose reader hangs are dropped and counted, and hold nobody up, the end of the process neither."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time

from daemon.lifecycle.logs import LINES_MAX, PipeHandler, TextFormatter

WAITING = """\
import logging, sys
from daemon.lifecycle.logs import configure_logging
configure_logging("info", "text")
for number in range(20_000):
    logging.getLogger("test").info("line %s", number)
print("done", flush=True)
"""


def test_lines_are_dropped_while_nobody_reads_and_written_when_somebody_does() -> None:
    reader, writer = os.pipe()
    handler = PipeHandler(writer)
    handler.setFormatter(TextFormatter())
    record = logging.makeLogRecord({"msg": "x" * 100, "levelno": logging.INFO, "levelname": "INFO"})
    started = time.monotonic()
    for _ in range(LINES_MAX + 2000):
        handler.emit(record)
    assert time.monotonic() - started < 20
    assert handler.dropped > 0
    dropped, read = handler.dropped, b""
    while read.count(b"\n") < LINES_MAX + 2000 - dropped:
        read += os.read(reader, 1 << 20)
    handler.emit(record)
    assert os.read(reader, 1 << 20).endswith(b"x\n")
    handler.close()
    os.close(writer)
    os.close(reader)


def test_a_process_ends_though_nobody_reads_its_log() -> None:
    process = subprocess.Popen([sys.executable, "-c", WAITING], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"done\n"
    assert process.wait(20) == 0
    assert process.stderr is not None
    process.stdout.close()
    process.stderr.close()
