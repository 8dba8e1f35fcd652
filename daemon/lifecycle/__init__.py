"""Components, signals, logs and the watch over the loop."""
