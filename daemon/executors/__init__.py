"""CPU worker processes and I/O threads; knows nothing of jobs or workbooks."""
