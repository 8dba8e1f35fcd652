"""What would become of a file by what is in it: read and checked in a worker, without a job and without the table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.errors import FileRejectedError

from ..pipeline.outcomes import parsed_only, refused_file
from ..pipeline.reading import folder_for, patiently, read_in_worker
from ..pipeline.worker_tasks import HandedIn, parse_workbook

if TYPE_CHECKING:
    from ingest.spec.dataset import Dataset

    from ..assembly import Core
    from ..ledger.jobs import Outcome


async def read_only(core: Core, dataset: Dataset, file: str, key: str) -> Outcome:
    """Return what a file of the spool, handed in under this name, would come to if the table takes every row."""
    parts = core.parts
    mapped = await parts.mappings.onto(dataset)
    source, own = parts.spool.source(key), dataset.transform is None
    async with folder_for(parts, key) as folder:
        try:
            report = await patiently(
                lambda: read_in_worker(
                    *(parts.executors, parse_workbook, source, mapped, folder, HandedIn(file), 0, 1),
                    file=file,
                    limits=dataset.limits,
                    own=own,
                )
            )
        except FileRejectedError as error:
            return refused_file(error.record)
    return parsed_only(report)
