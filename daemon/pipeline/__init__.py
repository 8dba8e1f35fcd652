"""A job's way: claimed, parsed, loaded, told."""
