"""What the kernel says of this machine: cores, memory, pressure, processes."""
