"""`python -m scratchpad` is the command `scratchpad`."""

import sys

from scratchpad.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
