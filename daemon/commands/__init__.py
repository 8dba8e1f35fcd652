"""The commands by purpose: each module imports what it needs when a command runs, so that `headgate` starts at once."""
