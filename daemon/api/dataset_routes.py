"""The datasets over HTTP: what may be handed in, and how fresh each is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from .routes import Answer, Route
from .schemas import DATASETS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingest.spec.dataset import Dataset

    from ..ledger.queries import JobQueries


class DatasetRoutes:
    """GET /api/v1/datasets."""

    def __init__(self, *, datasets: Mapping[str, Dataset], queries: JobQueries) -> None:
        self._datasets, self._queries = datasets, queries

    def routes(self) -> Sequence[Route]:
        """Return the route."""
        return (
            Route(
                method="GET",
                path="/api/v1/datasets",
                handler=self._list,
                roles=("read", "submit"),
                summary="List the datasets, with the titles of their columns and when each was last loaded",
                answers={200: Answer(description="The datasets.", content={"application/json": DATASETS})},
            ),
        )

    async def _list(self, _: web.Request) -> web.Response:
        datasets = dict(sorted(self._datasets.items()))
        loaded_at = await self._queries.last_successes(datasets)
        shown = [
            {
                "name": name,
                "version": dataset.version,
                "table": dataset.load.table,
                "mode": dataset.load.mode,
                "match": list(dataset.match.glob),
                "fields": [
                    {"name": field.name, "header": list(field.labels), "required": dataset.is_needed(field)}
                    for field in dataset.cell_fields
                ],
                "last_success_at": loaded_at.get(name),
                "freshness_seconds": dataset.freshness_seconds,
            }
            for name, dataset in datasets.items()
        ]
        return web.json_response({"datasets": shown})
