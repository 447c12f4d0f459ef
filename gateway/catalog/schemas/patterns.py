"""Regular expressions of documents: taken where the engine can compile them, and never allowed to keep it busy."""

from functools import lru_cache
from typing import Any

import jsonschema_rs

Validator = jsonschema_rs.Draft202012Validator

# Longer ones say nothing to a reader, and are slow to compile.
_LONGEST = 2_000
# Ample for honest patterns; what needs more is refused instead of keeping the process busy.
_OPTIONS = jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000)


def compiled(schema: dict[str, Any]) -> Validator:
    """A validator that fetches nothing and leaves formats to the platform. Raises ValueError, for a bad pattern."""
    return Validator(schema, validate_formats=False, offline=True, pattern_options=_OPTIONS)


@lru_cache(maxsize=4096)
def compiles(pattern: str) -> bool:
    """Whether the engine takes a pattern."""
    if len(pattern) > _LONGEST:
        return False
    try:
        compiled({"pattern": pattern})
    except ValueError:
        return False
    return True
