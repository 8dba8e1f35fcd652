"""The parts of what Prometheus is told: what is measured, how it is collected and written."""
