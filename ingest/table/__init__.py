"""Where the table is: sheets, header, merged ranges, drift, constants."""
