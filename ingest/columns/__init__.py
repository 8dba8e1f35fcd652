"""Whole columns of a table converted to types and checked, and the rules that hold between rows."""
