"""`mapd …`: what the pages do, for terminals and scripts.

The commands take a second to import, so `main` listens for Ctrl+C before it imports them (commands.py).
"""

import sys
from typing import NoReturn

from mapd import interrupts


def main() -> NoReturn:
    """Run the console script."""
    interrupts.listen()
    from mapd.cli import commands  # a second of imports, in which Ctrl+C comes to a line, too

    interrupts.allow()
    code = commands.run()
    interrupts.leave()
    sys.exit(code)
