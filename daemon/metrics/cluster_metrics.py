"""The metrics of a Dask cluster: whether it is there, and how large and how busy it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .definitions import Definitions, Measured, counter, define, gauge

if TYPE_CHECKING:
    from ..cluster.cluster import ClusterStats

DEFINITIONS: Final[Definitions] = define(
    gauge("cluster_up", "1 if the scheduler of the cluster answers."),
    gauge(
        "cluster_workers",
        "Dask workers that run, by whether calls of this daemon can go to them: they run the same version of Headgate.",
        fit=("yes", "no"),
    ),
    gauge("cluster_places", "Calls that the cluster can run at once, those of other daemons among them."),
    gauge("cluster_places_busy", "Calls that the cluster runs now, of all daemons."),
    counter("cluster_connections_lost_total", "How often the connection to the scheduler was lost."),
)


def cluster_metrics(stats: ClusterStats) -> Measured:
    """Return what the scheduler said last; it is asked every two seconds."""
    view = stats.view
    return {
        "cluster_up": {(): view.connected},
        "cluster_workers": {("yes",): view.workers, ("no",): view.misfits},
        "cluster_places": {(): view.places},
        "cluster_places_busy": {(): view.busy},
        "cluster_connections_lost_total": {(): stats.connections_lost},
    }
