"""Tags: which state of a thing somebody means. In quotes a tag is an ETag (gateway/http/conditions.py)."""

import re
from hashlib import sha256

_MARK = 16

# What the present tag may be for a change to be made; None: whatever it is.
Tags = frozenset[str] | None


def tag(url: str, version: int) -> str:
    """The tag of one version of the thing at this URL. Another thing, or another base URL, never has the same."""
    return f"{sha256(url.encode()).hexdigest()[:_MARK]}-{version}"


def named(url: str, tags: frozenset[str]) -> list[int]:
    """The versions of the thing at this URL that the tags name; the tags of other things name none."""
    # No version comes near ten digits.
    pattern = re.compile(re.escape(tag(url, 0)[:-1]) + r"([1-9][0-9]{0,8})")
    return [int(found[1]) for text in tags if (found := pattern.fullmatch(text))]
