"""`python -m daemon` is the console script."""

from .cli.main import main

main()
