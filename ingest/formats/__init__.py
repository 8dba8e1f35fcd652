"""A reader for each format of workbook, from its bytes to cells; they know no headers and no datasets."""
