"""`python -m kraftwerk` is `kraftwerk`."""

from kraftwerk.cli import main

main()
