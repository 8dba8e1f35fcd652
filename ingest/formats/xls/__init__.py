"""Workbooks of BIFF records: xls."""
