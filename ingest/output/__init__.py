"""What a parse leaves behind: copy file, report, error records, rejects workbook."""
