"""Whether the datasets' tables fit, while the daemon runs: owns when they are looked at; holds up nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final, Self

from ..errors import first_line
from .table_check import TableFinding, compare_table

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ingest.spec.dataset import Dataset

    from .parts import PipelineParts

logger = logging.getLogger(__name__)

AGAIN_SECONDS: Final = 10.0
"""After so long a table that does not fit is looked at again, and a database that was away: nobody tells of either."""


class TableWatch:
    """Compares tables with their datasets at the start, after a reload, and when a load met a changed table."""

    def __init__(self, parts: PipelineParts) -> None:
        self._parts = parts
        self._due: set[str] = set()
        self._found: dict[str, TableFinding] = {}
        self._wake, self._closing = asyncio.Event(), False

    def look(self, names: Iterable[str]) -> None:
        """Have the tables of these datasets looked at soon."""
        self._due |= set(names)
        self._wake.set()

    async def __aenter__(self) -> Self:
        """Return itself; `run` is started by the composition, which watches it."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Look at nothing more."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        """Look until closed; a database that does not answer is waited for."""
        while not self._closing:
            with self._parts.database.supervisor.waiting("table check"):
                await self._look_at_all()
            unfit = {name for name, found in self._found.items() if found.problems}
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._wake.wait(), AGAIN_SECONDS if self._due or unfit else None)
            self._due |= unfit

    async def _look_at_all(self) -> None:
        self._wake.clear()
        datasets = self._parts.datasets
        while not self._closing and (names := self._due & datasets.keys()):
            name = min(names)
            self._note(await self._compared(datasets[name]))
            self._due.discard(name)
        self._due &= datasets.keys()
        self._found = {name: found for name, found in self._found.items() if name in datasets}
        self._export()

    async def _compared(self, dataset: Dataset) -> TableFinding:
        try:
            return await compare_table(self._parts.database, dataset, "look")
        except Exception as error:  # raised again if waiting helps
            if isinstance(error, OSError) or self._parts.database.supervisor.will_pass(error):
                raise
            problem = f"table {dataset.load.table} cannot be compared: {first_line(error)}"
            return TableFinding(dataset=dataset.dataset, problems=(problem,), advice=())

    def _note(self, found: TableFinding) -> None:
        """Tell what was not known before."""
        name, before = found.dataset, self._found.get(found.dataset)
        for problem in found.problems:
            if before is None or problem not in before.problems:
                logger.warning("table does not fit", extra={"dataset": name, "problem": problem})
        for advice in found.advice:
            if before is None or advice not in before.advice:
                logger.info("table noted", extra={"dataset": name, "advice": advice})
        if before is not None and before.problems and not found.problems:
            logger.info("table fits", extra={"dataset": name})
        self._found[name] = found

    def _export(self) -> None:
        self._parts.metrics.set_table_findings(
            {name: {"problem": len(one.problems), "advice": len(one.advice)} for name, one in self._found.items()}
        )
