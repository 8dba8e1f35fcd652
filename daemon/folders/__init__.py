"""The parts of the intake from watched folders."""
