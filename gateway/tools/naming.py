"""Names by which tools and prompts are called: no longer than MCP allows, and each used once."""

import hashlib
from collections.abc import Container

# MCP 2026-07-28, Tools, Tool Names; kept for prompts too.
LONGEST_NAME = 128


def fitting(name: str, taken: Container[str], *of: str) -> str:
    """The name, or where it is too long or taken its beginning and a digest of what it is a name `of`."""
    if len(name) <= LONGEST_NAME and name not in taken:
        return name
    digest = hashlib.sha256("\0".join(of).encode()).hexdigest()[:8]
    return f"{name[: LONGEST_NAME - 9]}_{digest}"
