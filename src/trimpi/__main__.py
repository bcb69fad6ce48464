"""`python -m trimpi`, which torchrun needs."""

from trimpi.cli import main

main()
