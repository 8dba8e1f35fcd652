"""Delimited text, HTML tables and web archives."""
