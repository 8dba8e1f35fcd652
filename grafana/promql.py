"""PromQL that many panels repeat; knows no metric by name."""

from __future__ import annotations

from panels import Query


def quantile(share: float, histogram: str, *, by: str = "", where: str = "") -> str:
    """Return the expression of a histogram's quantile, by labels that are separated by commas."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) (rate({histogram}_bucket{{$sel{where}}}[$rate])))"


def quantiles(histogram: str, *, where: str = "") -> tuple[Query, ...]:
    """Return the median, the 95th and the 99th percentile over everything selected."""
    return tuple(
        Query(expr=quantile(share, histogram, where=where), legend=legend)
        for share, legend in ((0.5, "half are below"), (0.95, "95 % are below"), (0.99, "99 % are below"))
    )


def per_second(counter: str, *, by: str, where: str = "") -> Query:
    """Return a counter's rate by one label, which names the series."""
    return Query(expr=f"sum by ({by}) (rate({counter}{{$sel{where}}}[$rate]))", legend=f"{{{{{by}}}}}")


def happened(counter: str, *, by: str, where: str = "") -> Query:
    """Return by how much a counter grew in each step, by one label; series that never grew are left out."""
    return Query(expr=f"sum by ({by}) (increase({counter}{{$sel{where}}}[$__interval])) > 0", legend=f"{{{{{by}}}}}")
