"""What a cell can be: serials, number formats, display, error values."""
