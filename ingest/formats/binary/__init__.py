"""What the binary workbooks, xls and xlsb, have in common: streams of small records, UTF-16, packed numbers."""
