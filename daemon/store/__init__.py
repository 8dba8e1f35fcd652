"""The parts below the ledger and the pool of connections: tables, migrations, queries, watches."""
