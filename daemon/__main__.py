"""`python -m daemon` is the console script."""

from .cli import main

main()
