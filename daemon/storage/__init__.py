"""Storage elsewhere: files and objects below one URL, whatever keeps them; knows nothing of jobs or workbooks."""
