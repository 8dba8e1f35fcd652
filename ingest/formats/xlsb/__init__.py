"""Binary workbooks in zip containers: xlsb."""
