"""Settings: read, checked and sized once, before anything starts."""
