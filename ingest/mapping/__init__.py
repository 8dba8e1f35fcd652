"""Columns and values of a file against a dataset's fields, for a person who says what they mean."""
