"""The jobs table and all that may change it."""
