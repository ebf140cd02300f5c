"""`python -m mapd.cli …` is `mapd …`."""

from mapd.cli import main

main()
