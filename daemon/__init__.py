"""The Headgate process: asyncio, database, HTTP and metrics."""

from importlib.metadata import version

__version__ = version("headgate")
