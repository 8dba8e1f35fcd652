"""The parts of the HTTP API: its routes, who may call them, what they answer; and the page."""
