"""How much work a schema can make of a small value.

Branches that lead to the same schema by two ways double the work, level by level: thirty such levels keep a processor
busy for an hour, over one small object. Where a schema comes back to itself the engine remembers what it has seen;
where it does not, only the schema can be looked at beforehand.
"""

from collections.abc import Iterator, Mapping
from typing import Any

_TOGETHER = ("allOf", "anyOf")
_SAME_PLACE = ("not", "if", "then", "else")
_INSIDE = ("items", "additionalProperties", "contains", "propertyNames", "unevaluatedItems", "unevaluatedProperties")
_INSIDE_BY_NAME = ("properties", "patternProperties", "dependentSchemas")


def weight(bundle: Mapping[str, Any]) -> int:
    """An upper bound, in schemas, of what is looked at for one path into a value. `bundle` has `$defs` at its top.

    What applies to the same value adds up; of what applies to its parts the heaviest counts, as a value has each of its
    parts once. A reference that closes a circle counts as one.
    """
    definitions: Mapping[str, Any] = bundle.get("$defs", {})
    known: dict[str, int] = {}
    for name in _leaves_first(definitions):
        known[name] = _weigh(definitions[name], known)
    return _weigh(bundle, known)


def _weigh(node: Any, known: Mapping[str, int]) -> int:
    if not isinstance(node, Mapping):
        return 1
    total = 1
    if "$ref" in node:
        total += known.get(_name(node["$ref"]), 1)
    for keyword in _TOGETHER:
        total += sum(_weigh(child, known) for child in node.get(keyword, ()))
    total += sum(_weigh(node[keyword], known) for keyword in _SAME_PLACE if keyword in node)
    parts = [node[keyword] for keyword in _INSIDE if keyword in node]
    parts += node.get("prefixItems", ())
    for keyword in _INSIDE_BY_NAME:
        parts += node.get(keyword, {}).values()
    return total + max((_weigh(part, known) for part in parts), default=0)


def _leaves_first(definitions: Mapping[str, Any]) -> Iterator[str]:
    """The names so that what a definition refers to comes before it, circles excepted.

    Without recursion, since a chain of references may be thousands long.
    """
    seen: set[str] = set()
    for start in definitions:
        stack = [(start, _referred(definitions, start))] if start not in seen else []
        seen.add(start)
        while stack:
            name, rest = stack[-1]
            # An example may look like a reference.
            following = next((each for each in rest if each not in seen and each in definitions), None)
            if following is None:
                stack.pop()
                yield name
            else:
                seen.add(following)
                stack.append((following, _referred(definitions, following)))


def _referred(definitions: Mapping[str, Any], name: str) -> Iterator[str]:
    waiting = [definitions.get(name)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Mapping):
            if isinstance(node.get("$ref"), str):
                yield _name(node["$ref"])
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _name(reference: str) -> str:
    return reference.rpartition("/")[2]
