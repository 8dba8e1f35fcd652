"""The Headgate process: asyncio, database, HTTP and metrics."""


def __getattr__(name: str) -> str:
    """Return `__version__`, looked up when it is asked for: that takes 20 ms, and fork servers do without."""
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import version  # noqa: PLC0415  # most of the 20 ms

    return version("headgate")
