"""What the daemon asks of its worker processes, by name only: importing this module imports no parsing library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from ..machine.file_identity import as_named

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ingest.mapping.seen import SeenSheet, TriedMapping
    from ingest.output.drafted import Drafted
    from ingest.output.grid import SheetInfo
    from ingest.output.kept import Corrections, KeptFile
    from ingest.output.report import Report
    from ingest.spec.archive import ArchiveLimits, ArchiveMember
    from ingest.spec.dataset import Dataset, FileLimits
    from ingest.spec.outline import TableOutline


class HandedIn(NamedTuple):
    """A file as it was handed in: its path there, its own name if that is another, its size if that is known.

    Of one with corrected rows `loaded` are those of the original that need not be loaded any more, if that matters.
    """

    path: str
    name: str | None = None
    size_bytes: int | None = None
    loaded: frozenset[str] | None = None


def parse_workbook(path: Path, dataset: Dataset, out_dir: Path, handed_in: HandedIn, job: int, threads: int) -> Report:
    """Make the folder and run `ingest.parse.parse`; the import happens in the worker, where it was preloaded.

    Raises:
        OSError: the file is of another size: what damage to a disk has left may read as a whole one of fewer rows.

    """
    expected = handed_in.size_bytes
    if expected is not None and (found := path.stat().st_size) != expected:
        raise OSError(f"the spool has {found} of the {expected} bytes that were received: {path}")
    from ingest.parallel import allow_threads
    from ingest.parse import parse

    allow_threads(threads)
    out_dir.mkdir(mode=0o700, exist_ok=True)
    source = as_named(handed_in.path)
    return parse(path, dataset, out_dir, source, job, handed_in.name, loaded=handed_in.loaded)


def list_sheets(path: Path, encoding: str | None, limits: FileLimits) -> tuple[SheetInfo, ...]:
    """Run `ingest.output.grid.read_sheets` in a worker."""
    from ingest.output.grid import read_sheets

    return read_sheets(path, encoding, limits)


def write_grid(
    path: Path, sheet: str | None, out: Path, form: Literal["csv", "json"], encoding: str | None, limits: FileLimits
) -> None:
    """Run `ingest.output.grid.read_grid` in a worker and leave its text in the file `out`, UTF-8."""
    from ingest.output.grid import read_grid

    with out.open("w", encoding="utf-8", newline="") as text:
        read_grid(path, sheet, text, form, encoding, limits)


def draft_from_sample(
    path: Path,
    sheet: str | None,
    outline: TableOutline | None,
    encoding: str | None,
    limits: FileLimits,
    name: str | None = None,
) -> Drafted:
    """Run `ingest.infer.draft_sample` in a worker."""
    from ingest.infer import draft_sample

    return draft_sample(path, sheet, outline, limits, name, encoding)


def list_archive(path: Path, limits: ArchiveLimits) -> tuple[ArchiveMember, ...] | None:
    """Run `ingest.archive.list_members` in a worker."""
    from ingest.archive import list_members

    return list_members(path, limits)


def check_archive(path: Path) -> None:
    """Run `ingest.archive.check_members` in a worker."""
    from ingest.archive import check_members

    check_members(path)


def unpack_archive_member(path: Path, index: int, out: Path) -> None:
    """Make the folder and run `ingest.archive.unpack_member` in a worker."""
    from ingest.archive import unpack_member

    out.parent.mkdir(mode=0o700, exist_ok=True)
    unpack_member(path, index, out)


def write_rejected_rows(kept: KeptFile, out: Path, form: Literal["xlsx", "csv"]) -> int:
    """Run `ingest.output.rejects_workbook.write_rejects` in a worker."""
    from ingest.output.rejects_workbook import write_rejects

    return write_rejects(kept, out, form)


def write_corrected_rows(kept: KeptFile, corrections: Corrections, out: Path) -> int:
    """Run `ingest.output.rejects_workbook.write_corrected` in a worker."""
    from ingest.output.rejects_workbook import write_corrected

    return write_corrected(kept, corrections, out)


def rejected_rows_page(kept: KeptFile, sheet: str | None, after: int, limit: int, language: str) -> str:
    """Run `ingest.output.rejects_page.rejected_page` in a worker."""
    from ingest.output.rejects_page import rejected_page

    return rejected_page(kept, sheet, after, limit, language)


def check_cell_texts(dataset: Dataset, cells: Sequence[tuple[str, str]], language: str) -> str:
    """Run `ingest.output.rejects_page.check_texts` in a worker."""
    from ingest.output.rejects_page import check_texts

    return check_texts(dataset, cells, language)


def look_at_file(path: Path, dataset: Dataset, source: str, sheet: str | None, row: int | None) -> SeenSheet:
    """Run `ingest.mapping.look.look` in a worker."""
    from ingest.mapping.look import look

    return look(path, dataset, as_named(source), sheet, row)


def try_mapped(
    path: Path, dataset: Dataset, out_dir: Path, source: str, sheet: str | None, row: int | None
) -> TriedMapping:
    """Make the folder and run `ingest.mapping.look.try_mapping` in a worker."""
    from ingest.mapping.look import try_mapping

    out_dir.mkdir(mode=0o700, exist_ok=True)
    return try_mapping(path, dataset, out_dir, as_named(source), sheet, row)
