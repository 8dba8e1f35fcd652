"""PromQL that many panels repeat; knows no metric by name."""

from __future__ import annotations

from typing import Final, Literal

from panels import Query

GAP: Final = "1h"
"""For how long a daemon may not have been scraped, and its counters still be compared with what they were before."""


def quantile(share: float, histogram: str, *, by: str = "", where: str = "") -> str:
    """Return the expression of a histogram's quantile, by labels that are separated by commas; none while idle."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{{$sel{where}}}[$rate]))) >= 0"


def quantiles(histogram: str, *, where: str = "") -> tuple[Query, ...]:
    """Return the median, the 95th and the 99th percentile over everything selected."""
    return tuple(
        Query(expr=quantile(share, histogram, where=where), legend=legend)
        for share, legend in ((0.5, "half are below"), (0.95, "95 % are below"), (0.99, "99 % are below"))
    )


def slowest(histogram: str, *, by: str, where: str = "") -> Query:
    """Return the 95th percentile by labels, which name the series."""
    legend = " ".join(f"{{{{{label.strip()}}}}}" for label in by.split(","))
    return Query(expr=quantile(0.95, histogram, by=by, where=where), legend=legend)


def per_second(counter: str, *, by: str, where: str = "") -> Query:
    """Return a counter's rate by one label, which names the series."""
    return Query(expr=f"sum by ({by}) (rate({counter}{{$sel{where}}}[$rate]))", legend=f"{{{{{by}}}}}")


def grown(counter: str, over: str, *, by: str = "", where: str = "") -> str:
    """Return by how much a counter grew over a time, as a whole number; one that began anew counts from 0.

    increase() would stretch what it sees over the whole time: fractions, and nothing at all between two scrapes. Where
    a scrape failed when the time began, the one before counts: all of the counter would seem to have come since.
    """
    one = f"{counter}{{$sel{where}}}"
    labels = f" by ({by})" if by else ""
    return f"sum{labels} (({one} - last_over_time({one}[{GAP}] offset {over}) >= 0) or {one})"


def counted(counter: str, *, by: str = "", where: str = "") -> str:
    """Return by how much a counter grew in the time that is shown, as a whole number, also across restarts.

    What one that began anew had counted before, and one that is gone, only increase() knows: stretched, hence rounded.
    It reads every sample of the time: for a number that is asked once, and for none that each step of a graph asks.
    """
    one = f"{counter}{{$sel{where}}}"
    labels = f" by ({by})" if by else ""
    exact = f"(({one} - last_over_time({one}[{GAP}] offset $__range) >= 0) or {one})"
    return f"sum{labels} ({exact} unless resets({one}[$__range]) > 0 or round(increase({one}[$__range])))"


def share_grown(counter: str, over: str, part: str, *, by: str, where: str = "") -> str:
    """Return the share that the series of `part`, more matchers, have in the growth of a counter over a time."""
    whole = grown(counter, over, by=by, where=where)
    return f"{grown(counter, over, by=by, where=f'{where}, {part}')} / ({whole} > 0)"


def happened(counter: str, *, by: str, where: str = "") -> Query:
    """Return by how much a counter grew in each step, by one label; series that did not grow at all are left out.

    Steps of 0 are kept: Grafana draws a column as wide as the next sample is far.
    """
    grew = f"{grown(counter, '$__range', by=by, where=where)} > 0"
    return Query(expr=f"{grown(counter, '$__interval', by=by, where=where)} and {grew}", legend=f"{{{{{by}}}}}")


def by_label(label: str, gauge: str, *, fold: str = "sum", where: str = "") -> Query:
    """Return a gauge by one label, which names the series."""
    return Query(expr=f"{fold} by ({label}) ({gauge}{{$sel{where}}})", legend=f"{{{{{label}}}}}")


def age(timestamp: str, *, by: str = "", where: str = "", which: Literal["min", "max"] = "max") -> str:
    """Return how long ago a moment was at the last scrape, the longest of all or the shortest; none where it is 0.

    It is told by the daemon's own clock, which its moments are of: that of Prometheus may be another.
    """
    labels, each = (f" by ({by})", f" ignoring ({by}) group_right ()") if by else ("", "")
    return f"{which}{labels} (headgate_clock_timestamp_seconds{{$sel}} -{each} ({timestamp}{{$sel{where}}} > 0))"


def age_of_limit(timestamp: str, limit: str, *, by: str, where: str = "") -> str:
    """Return the age of a moment as a share of what it may be, the largest by a label; none where either is 0.

    Each daemon is held to its own limit, as alerts do: two with ledgers of their own may have datasets of one name.
    """
    since = (
        f"headgate_clock_timestamp_seconds{{$sel}} - ignoring ({by}) group_right () ({timestamp}{{$sel{where}}} > 0)"
    )
    return f"max by ({by}) (({since}) / ({limit}{{$sel{where}}} > 0))"


def or_zero(expr: str) -> str:
    """Return an expression that is 0 where it finds nothing, and nothing where no instance is scraped."""
    return f"{expr} or 0 * count(up{{$sel}})"
