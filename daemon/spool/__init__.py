"""Where accepted files lie until their jobs have ended: on this machine's disk, and where others reach them."""
