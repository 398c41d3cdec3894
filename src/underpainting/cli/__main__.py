"""`python -m underpainting.cli`."""

from underpainting.cli import main

main()
