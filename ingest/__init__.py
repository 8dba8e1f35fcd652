"""Workbooks to checked rows: pure and synchronous, knows nothing of the daemon, asyncio or Prometheus."""
