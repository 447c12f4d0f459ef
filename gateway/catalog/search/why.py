"""Why an action was found, in one short sentence."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from gateway.catalog.search.fields import FIELDS
from gateway.catalog.search.postings import Postings

MAX_WORDS: Final = 5
MAX_PLACES: Final = 3

# What a reader would look at first.
_PLACES: Final = (
    "name",
    "summary",
    "path",
    "connector",
    "description",
    "parameters",
    "body fields",
    "category",
    "resource",
    "parameter descriptions",
)


def reasons(postings: Postings, terms: dict[str, str], rows: list[int]) -> list[str]:
    """For each of these actions: "matches 'deal', 'amount' in its name and summary".

    The words are the goal's that it matches best, as they were written; the places are those where any of them stands.
    Each of the actions must have at least one of the terms.
    """
    documents: npt.NDArray[np.int64] = np.array(rows, np.int64)
    matches: list[list[tuple[float, int, str]]] = [[] for _ in rows]
    for term, spelling in terms.items():
        for found, (impact, places) in zip(matches, postings.matches(term, documents), strict=True):
            if places:
                found.append((impact, places, spelling))
    return [_sentence(found) for found in matches]


def _sentence(found: list[tuple[float, int, str]]) -> str:
    best = sorted(found, key=lambda match: -match[0])[:MAX_WORDS]
    # In the goal's order; one written word may have matched by several of its parts.
    written = dict.fromkeys(match[2] for match in found if match in best)
    bits = 0
    for _, places, _ in best:
        bits |= places
    held = {field.place for number, field in enumerate(FIELDS) if bits >> number & 1}
    where = [place for place in _PLACES if place in held][:MAX_PLACES]
    quoted = ", ".join(f"'{word}'" for word in written)
    return f"matches {quoted} in its {_listing(where)}"


def _listing(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
