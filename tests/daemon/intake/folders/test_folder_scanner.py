"""Watched folders with the ledger behind them: one file that fails keeps no other from its end."""

from __future__ import annotations

import asyncio
import os
import random
from typing import TYPE_CHECKING

import pytest
from folder_intake import Intake, jobs_are, running, until

from daemon.intake import folder_ends
from daemon.intake.folder_archive import FolderArchive

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from daemon.intake.watched_folder import KnownFolder
    from daemon.ledger.jobs import Job

    Eventually = Callable[..., Awaitable[object]]

# -- what is owed ------------------------------------------------------------------------------------


async def test_names_that_an_earlier_ledger_has_used_hold_nobody_up(intake: Intake) -> None:
    for name in ("orders.csv", "orders.1.csv", "orders.reason.txt", "orders.1.2.reason.txt"):
        (intake.inbox / "rejected").mkdir(exist_ok=True)
        (intake.inbox / "rejected" / name).write_text("of an earlier ledger")
    await intake.refused("orders.csv", "other.csv")

    async def told() -> bool:
        return not await intake.owed()

    async with running(intake.scanner(taken="move")):
        await until(told)
    rejected = {path.name: path.read_text() for path in (intake.inbox / "rejected").iterdir()}
    assert [name for name, text in rejected.items() if text == "sku\norders.csv\n"] == ["orders.1.2.csv"]
    assert sum(text == "of an earlier ledger" for text in rejected.values()) == 4, "nothing is overwritten"
    assert sum("job 1" in text for text in rejected.values()) == 1
    assert {"other.csv", "other.reason.txt"} <= rejected.keys()


async def test_a_refused_file_is_put_away_as_soon_as_that_can_be(
    intake: Intake, caplog: pytest.LogCaptureFixture
) -> None:
    (intake.inbox / "rejected").write_text("no folder")
    with (intake.inbox / "orders.csv").open("wb") as large:
        large.truncate(2 << 20)
    async with running(intake.scanner(taken="move", max_file_mb=1)):
        # The file that stands in the way may be one that cannot be moved by then, too.
        await until(_counts(intake, 1, 2))
        await asyncio.sleep(0.3)
        (intake.inbox / "rejected").unlink()
        await until(_counts(intake, 0))
    assert "split it, or raise" in (intake.inbox / "rejected" / "orders.reason.txt").read_text()
    assert (intake.inbox / "rejected" / "orders.csv").exists()
    assert [record.message for record in caplog.records].count("file refused") == 1
    assert "orders.csv" not in await intake.taken()


async def test_any_number_that_cannot_be_put_away_holds_nobody_up(
    intake: Intake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_ends, "BATCH", 2)
    stuck = [f"shop/{number}.csv" for number in range(7)]
    await intake.refused(*stuck[:5], "early.csv", *stuck[5:], "late.csv")
    (intake.inbox / "rejected").mkdir()
    (intake.inbox / "rejected" / "shop").write_text("no folder")

    async def told() -> bool:
        return await intake.owed() == stuck

    async with running(intake.scanner(taken="move")):
        await until(told)
        await until(_counts(intake, len(stuck)))
        (intake.inbox / "rejected" / "shop").unlink()
        await until(_counts(intake, 0))
        assert await intake.owed() == []


async def test_a_full_spool_is_told_of_once(
    intake: Intake, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There was a line a second, on the disk that was full, too."""
    caplog.set_level("INFO")
    (intake.inbox / "a.csv").write_text("sku\na\n")
    free, asked = 0, 0

    def free_bytes() -> int:
        nonlocal asked
        asked += 1
        return free

    monkeypatch.setattr(intake.parts.spool, "free_bytes", free_bytes)
    monkeypatch.setattr(intake.parts.spool, "_min_free_bytes", 1)

    def said() -> list[str]:
        return [record.message for record in caplog.records if record.message.startswith("intake ")]

    async def asked_again() -> bool:
        return asked > 2

    async with running(intake.scanner()):
        await until(asked_again)
        assert said() == ["intake stopped"]
        free = 1 << 30
        await until(jobs_are(intake, 1))
    assert said() in (["intake stopped"], ["intake stopped", "intake goes on"])


def _counts(intake: Intake, *files: int) -> Callable[[], Awaitable[bool]]:
    async def counted() -> bool:
        return intake.measured("unreadable_files") in files

    return counted


async def test_a_path_that_no_ledger_can_hold_is_told_and_left(intake: Intake) -> None:
    deep = intake.inbox.joinpath(*(random.Random(number).randbytes(120).hex() for number in range(11)))
    deep.mkdir(parents=True)
    for name in ("a.csv", "b.zip"):
        (deep / name).write_text("sku\na\n")
    (intake.inbox / "good.csv").write_text("sku\nb\n")
    async with running(intake.scanner()):
        await until(_counts(intake, 2))
        await until(jobs_are(intake, 1))


class Failing(FolderArchive):
    """Moves nothing; the second time something goes wrong that nobody has thought of."""

    def __init__(self) -> None:
        self.put: list[str] = []

    async def must_wait(self, *_: object) -> bool:
        return False

    async def put_away(self, _: KnownFolder, name: str, __: Job) -> None:
        if name == "b.csv":
            raise RuntimeError(name)
        self.put.append(name)


async def test_what_was_told_is_noted_whatever_comes_after(intake: Intake) -> None:
    await intake.refused("a.csv", "b.csv", "c.csv")
    filing = Failing()
    with pytest.raises(RuntimeError):
        async with running(intake.scanner(filing=filing, taken="move")) as task:
            await asyncio.wait({task}, timeout=10)
    assert filing.put == ["a.csv"]
    assert await intake.owed() == ["b.csv", "c.csv"]


async def test_a_folder_whose_name_differs_in_case_only_is_another(intake: Intake) -> None:
    await intake.refused("a.csv")
    other = intake.inbox.with_name("INBOX")
    other.mkdir()
    async with running(intake.scanner(other, taken="move")) as task:
        await asyncio.sleep(0.5)
        assert not task.done()
    assert await intake.owed() == ["a.csv"]


async def test_what_is_renamed_into_a_folder_before_its_first_look_is_known_to_be_whole(intake: Intake) -> None:
    scanner = intake.scanner(settle_seconds=3600)
    async with scanner:
        part = intake.inbox.with_name("part")
        part.write_text("sku\nMON\n")
        part.rename(intake.inbox / "orders.csv")
        task = asyncio.create_task(scanner.run())
        await until(jobs_are(intake, 1))
    await asyncio.wait_for(task, 10)


# -- done markers ------------------------------------------------------------------------------------


async def test_a_marker_left_from_before_takes_no_half_of_a_file(intake: Intake) -> None:
    book, marker = intake.inbox / "orders.csv", intake.inbox / "orders.csv.done"
    async with running(intake.scanner(taken="stay", done_marker=".done")):
        book.write_text("sku\nMON\n")
        marker.touch()
        await until(jobs_are(intake, 1))
        with book.open("w") as writer:
            writer.write("sku\nTUE1\n")
            writer.flush()
            await asyncio.sleep(0.5)
            assert len(await intake.taken()) == 1
            assert intake.measured("unfinished_files") == 1
            writer.write("TUE2\n")
        await asyncio.sleep(0.3)
        assert len(await intake.taken()) == 1, "it is closed, and not marked"
        marker.touch()
        await until(jobs_are(intake, 2))
        # A whole file with an old time, beside the marker of the one before.
        part = intake.inbox / "next.part"
        part.write_text("sku\nWED\n")
        os.utime(part, (1, 1))
        part.rename(book)
        await asyncio.sleep(0.3)
        assert len(await intake.taken()) == 2
        marker.write_text("")
        await until(jobs_are(intake, 3))


async def test_a_writer_holds_a_marked_file_back(intake: Intake) -> None:
    book, marker = intake.inbox / "orders.csv", intake.inbox / "orders.csv.done"
    async with running(intake.scanner(taken="stay", done_marker=".done")):
        with book.open("w") as writer:
            writer.write("sku\nA\n")
            writer.flush()
            marker.touch()
            await asyncio.sleep(0.5)
            assert await intake.taken() == []
        await until(jobs_are(intake, 1))
        (intake.inbox / "cut.xlsx").write_bytes(b"PK\x03\x04 and no end")
        (intake.inbox / "cut.xlsx.done").touch()
        await asyncio.sleep(0.5)
        assert await intake.taken() == ["orders.csv"]


async def test_the_marker_of_a_file_that_a_kill_has_seen_moved_is_removed(intake: Intake) -> None:
    await intake.refused("orders.csv", "new.csv")
    (intake.inbox / "rejected").mkdir()
    (intake.inbox / "orders.csv").rename(intake.inbox / "rejected" / "orders.csv")
    (intake.inbox / "new.csv").rename(intake.inbox / "rejected" / "new.csv")
    (intake.inbox / "orders.csv.done").touch()
    (intake.inbox / "new.csv").write_text("sku\nthe next of its name\n")
    (intake.inbox / "new.csv.done").touch()

    async def told() -> bool:
        return not await intake.owed()

    async with running(intake.scanner(taken="move", done_marker=".done")):
        await until(told)
    assert not (intake.inbox / "orders.csv.done").exists()
    assert (intake.inbox / "new.csv.done").exists(), "it is said of another file"
