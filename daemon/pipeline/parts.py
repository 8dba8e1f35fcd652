"""What every step of a job's way works with, opened once by the composition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest.spec.dataset import Dataset

    from ..database.database import Database
    from ..executors.executors import Executors
    from ..ledger.leases import Ledger
    from ..ledger.mappings import KeptMappings
    from ..ledger.queries import JobQueries
    from ..metrics.job_metrics import Metrics
    from ..spool.spool import Spool
    from .parser import Parser


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineParts:
    """The parts that intake and pipeline share. `datasets` is one mapping for all; a reload changes what is in it."""

    executors: Executors
    database: Database
    ledger: Ledger
    queries: JobQueries
    mappings: KeptMappings
    spool: Spool
    parser: Parser
    metrics: Metrics
    datasets: Mapping[str, Dataset]
