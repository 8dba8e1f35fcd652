"""Every metric: definitions, values, collectors, the catalogue."""
