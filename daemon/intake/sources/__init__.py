"""Sources: buckets, shares and folders of servers, looked at now and then, whose files are submitted."""
