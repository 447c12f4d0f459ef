"""Ids of actions: safe everywhere, unique in their connector, and the same whatever else a document holds."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

_SAFE = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_UNSAFE = re.compile(r"[_-]*[^A-Za-z0-9_.-]+[_-]*")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_HASH = 8


def assign(operations: Sequence[tuple[str, str, str]]) -> list[str]:
    """The id of each operation `(operationId or "", method, path)`, in their order.

    A safe operationId that stands once is the id itself. Others become a slug and eight hexadecimal digits of a hash:
    of the operationId where that stands once, else of method and path. So an id does not depend on the order, and on
    another operation only where that has the same operationId.
    """
    counts = Counter(operation_id for operation_id, _, _ in operations)
    ids = [
        operation_id if counts[operation_id] == 1 and _SAFE.fullmatch(operation_id) else ""
        for operation_id, _, _ in operations
    ]
    taken = set(ids)
    for index, (operation_id, method, path) in enumerate(operations):
        if ids[index]:
            continue
        own = f"{method} {path}"
        seed = operation_id if operation_id and counts[operation_id] == 1 else own
        ids[index] = _made(operation_id or own, seed, taken)
        taken.add(ids[index])
    return ids


def _made(text: str, seed: str, taken: set[str]) -> str:
    digest = hashlib.sha256(seed.encode()).hexdigest()
    slug = _UNSAFE.sub("_", text).strip("_.-")
    # A document may hold an operationId that looks like one of ours; then more of the hash tells them apart.
    made = (f"{slug[: 63 - length]}-{digest[:length]}".lstrip("-") for length in range(_HASH, 64, _HASH))
    return next(each for each in made if each not in taken)


def humanised(text: str) -> str:
    """`chat_postMessage` as a person would write it: `Chat post message`."""
    words = [word if word.isupper() and len(word) > 1 else word.lower() for word in _WORD.findall(text)]
    said = " ".join(words)
    return said[:1].upper() + said[1:] or text
