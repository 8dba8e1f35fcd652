"""The Headgate process: asyncio, database, HTTP and metrics."""
