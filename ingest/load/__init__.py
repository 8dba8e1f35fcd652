"""From the spool to the target table, inside the caller's transaction."""
