"""The command line: `toolgate serve`, and the commands of an operator.

Every failure is one sentence and exit status 1 or 2.
"""

from gateway.cli.main import main

__all__ = ["main"]
