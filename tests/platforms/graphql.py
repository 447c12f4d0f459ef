"""As much of GraphQL (October 2021) as a stand-in needs to judge a request: one operation, variables, plain selections.

Fragments, directives, subscriptions, interfaces and unions are refused as broken: no connector uses them.
"""

import re
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(
    r"""[\s,]+|\#[^\n]*                             # ignored
    |(?P<name>[_A-Za-z][_0-9A-Za-z]*)
    |(?P<number>-?[0-9]+(?:\.[0-9]+)?)
    |(?P<string>"(?:[^"\\\n]|\\.)*")
    |(?P<mark>[!$():=\[\]{}])""",
    re.VERBOSE,
)
_SCALARS: dict[str, tuple[type, ...]] = {
    "Int": (int,),
    "Float": (int, float),
    "String": (str,),
    "ID": (str,),
    "Boolean": (bool,),
}


class Broken(Exception):
    """The request would be refused by a GraphQL server; the message says why."""


@dataclass(frozen=True)
class Variable:
    name: str


@dataclass(frozen=True)
class Enum:
    name: str


@dataclass
class Selection:
    name: str
    arguments: dict[str, Any]
    selections: list["Selection"]


@dataclass
class Operation:
    kind: str
    # Type and default by name; `...` where there is no default.
    variables: dict[str, tuple[str, Any]]
    selections: list[Selection]


@dataclass
class Kind:
    """A type of the schema: an object's or input's fields, or an enum's values."""

    what: str
    fields: dict[str, str] = field(default_factory=dict)
    arguments: dict[str, dict[str, str]] = field(default_factory=dict)
    values: set[str] = field(default_factory=set)


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        place = 0
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise Broken(f"unexpected character {text[place]!r}")
            if match.lastgroup:
                self._tokens.append((match.lastgroup, match[0]))
            place = match.end()
        self._tokens.append(("end", ""))
        self._place = 0

    @property
    def ahead(self) -> str:
        return self._tokens[self._place][1]

    def done(self) -> bool:
        return self._tokens[self._place][0] == "end"

    def take(self, mark: str) -> bool:
        if self.ahead == mark and not self.done():
            self._place += 1
            return True
        return False

    def expect(self, mark: str) -> None:
        if not self.take(mark):
            raise Broken(f"expected {mark!r} and not {self.ahead!r}")

    def word(self) -> str:
        kind, text = self._tokens[self._place]
        if kind != "name":
            raise Broken(f"expected a name and not {text!r}")
        self._place += 1
        return text

    def type(self) -> str:
        if self.take("["):
            text = f"[{self.type()}]"
            self.expect("]")
        else:
            text = self.word()
        return f"{text}!" if self.take("!") else text

    def value(self) -> Any:
        kind, text = self._tokens[self._place]
        if self.take("$"):
            return Variable(self.word())
        if self.take("["):
            items = []
            while not self.take("]"):
                items.append(self.value())
            return items
        if self.take("{"):
            return self.pairs("}")
        self._place += 1
        match kind, text:
            case "string", _:
                return text[1:-1].encode().decode("unicode_escape")
            case "number", _:
                return float(text) if "." in text else int(text)
            case "name", "true" | "false":
                return text == "true"
            case "name", "null":
                return None
            case "name", _:
                return Enum(text)
        raise Broken(f"expected a value and not {text!r}")

    def pairs(self, end: str) -> dict[str, Any]:
        pairs: dict[str, Any] = {}
        while not self.take(end):
            name = self.word()
            self.expect(":")
            if name in pairs:
                raise Broken(f"{name} is given twice")
            pairs[name] = self.value()
        return pairs

    def selections(self) -> list[Selection]:
        found: list[Selection] = []
        while not self.take("}"):
            name = self.word()
            arguments = self.pairs(")") if self.take("(") else {}
            found.append(Selection(name, arguments, self.selections() if self.take("{") else []))
        if not found:
            raise Broken("an empty selection")
        return found


def read_request(text: str) -> Operation:
    """The one operation of a request's `query`."""
    reader = _Reader(text)
    kind = "query" if reader.ahead == "{" else reader.word()
    if kind not in ("query", "mutation"):
        raise Broken(f"{kind} is not an operation")
    if reader.ahead not in ("(", "{"):
        reader.word()
    variables: dict[str, tuple[str, Any]] = {}
    if reader.take("("):
        while not reader.take(")"):
            reader.expect("$")
            name = reader.word()
            reader.expect(":")
            variables[name] = (reader.type(), reader.value() if reader.take("=") else ...)
    reader.expect("{")
    operation = Operation(kind, variables, reader.selections())
    if not reader.done():
        raise Broken("more than one operation")
    return operation


def read_schema(text: str) -> dict[str, Kind]:
    """The types of a schema, by name."""
    reader = _Reader(text)
    kinds: dict[str, Kind] = {}
    while not reader.done():
        kind = Kind(reader.word())
        kinds[reader.word()] = kind
        reader.expect("{")
        while not reader.take("}"):
            name = reader.word()
            if kind.what == "enum":
                kind.values.add(name)
                continue
            if reader.take("("):
                arguments = kind.arguments[name] = {}
                while not reader.take(")"):
                    argument = reader.word()
                    reader.expect(":")
                    arguments[argument] = reader.type()
            reader.expect(":")
            kind.fields[name] = reader.type()
    return kinds


class Judge:
    """Checks an operation against the schema and puts the variables in."""

    def __init__(self, schema: dict[str, Kind], operation: Operation, variables: dict[str, Any]) -> None:
        self._schema = schema
        self._operation = operation
        self._given = variables
        self._used: set[str] = set()
        # Arguments below the root that variables fill, by the field's name.
        self.nested: dict[str, dict[str, Any]] = {}

    def resolve(self) -> tuple[str, dict[str, Any]]:
        """The root's field and its arguments. Raises Broken where the platform would refuse the request."""
        declared = self._operation.variables
        if unknown := self._given.keys() - declared.keys():
            raise Broken(f"variables that are not declared: {sorted(unknown)}")
        for name, (kind, default) in declared.items():
            if name in self._given:
                self._check(self._given[name], kind, f"${name}")
            elif kind.endswith("!") and default is ...:
                raise Broken(f"${name} is missing")
        queries = "QueryRoot" if "QueryRoot" in self._schema else "Query"
        root = {"query": queries, "mutation": "Mutation"}[self._operation.kind]
        [chosen] = self._operation.selections
        found = self._select(chosen, root)
        if unused := declared.keys() - self._used:
            raise Broken(f"variables that are declared and not used: {sorted(unused)}")
        return chosen.name, found

    def _select(self, selection: Selection, parent: str) -> dict[str, Any]:
        kind = self._schema[parent]
        if selection.name not in kind.fields:
            raise Broken(f"{parent} has no field {selection.name}")
        expected = kind.arguments.get(selection.name, {})
        found = self._object(selection.arguments, expected, f"{parent}.{selection.name}")
        inner = re.sub(r"[\[\]!]", "", kind.fields[selection.name])
        leaf = inner not in self._schema or self._schema[inner].what == "enum"
        if leaf == bool(selection.selections):
            raise Broken(f"{parent}.{selection.name} {'has no' if leaf else 'needs a'} selection")
        for each in selection.selections:
            arguments = self._select(each, inner)
            if any(isinstance(value, Variable) for value in each.arguments.values()):
                self.nested[each.name] = arguments
        return found

    def _object(self, given: dict[str, Any], expected: dict[str, str], where: str) -> dict[str, Any]:
        if unknown := given.keys() - expected.keys():
            raise Broken(f"{where} does not take {sorted(unknown)}")
        found: dict[str, Any] = {}
        for name, kind in expected.items():
            value = self._value(given.get(name, ...), kind, f"{where}({name})")
            if value is not ...:
                found[name] = value
            elif kind.endswith("!"):
                raise Broken(f"{where} needs {name}")
        return found

    def _value(self, value: Any, kind: str, where: str) -> Any:
        """A value of the document with its variables put in; `...` for what is not given."""
        if value is ...:
            return ...
        bare = kind.removesuffix("!")
        if isinstance(value, Variable):
            if value.name not in self._operation.variables:
                raise Broken(f"${value.name} is not declared")
            declared, default = self._operation.variables[value.name]
            if declared not in (kind, f"{bare}!") and not (declared == bare and default not in (..., None)):
                raise Broken(f"${value.name} is {declared}, but {where} takes {kind}")
            self._used.add(value.name)
            return self._given.get(value.name, default)
        if bare in self._schema and self._schema[bare].what == "input" and isinstance(value, dict):
            return self._object(value, self._schema[bare].fields, bare)
        plain = value.name if isinstance(value, Enum) else value
        self._check(plain, kind, where)
        return plain

    def _check(self, value: Any, kind: str, where: str) -> None:
        """Raises Broken unless the value, as JSON, is of this type."""
        bare = kind.removesuffix("!")
        if value is None:
            if bare != kind:
                raise Broken(f"{where} must not be null")
        elif bare.startswith("["):
            if not isinstance(value, list):
                raise Broken(f"{where} takes a list")
            for item in value:
                self._check(item, bare[1:-1], where)
        elif bare in self._schema:
            named = self._schema[bare]
            if named.what == "enum" and value not in named.values:
                raise Broken(f"{where} takes one of {sorted(named.values)} and not {value!r}")
            if named.what == "input":
                self._object(value, named.fields, bare)
        elif bare in _SCALARS and (
            not isinstance(value, _SCALARS[bare]) or (isinstance(value, bool) and bare != "Boolean")
        ):
            # In Python, true and false are numbers too.
            raise Broken(f"{where} takes {bare} and not {value!r}")
