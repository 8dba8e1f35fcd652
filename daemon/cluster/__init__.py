"""CPU work on a Dask cluster: its workers own Headgate's worker processes, files go by the shared spool."""
