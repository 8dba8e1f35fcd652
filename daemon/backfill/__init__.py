"""`headgate backfill`: files of many years, listed, compared with the ledger and loaded or only read."""
