"""/metrics and health, on a thread and a loop of their own."""
