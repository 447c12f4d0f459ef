"""The operations of a document, and what each becomes: an Action."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from gateway.catalog import extension, servers
from gateway.catalog.actions import answers, inputs, mirrored, names
from gateway.catalog.documents.pointers import expect_object, follow, join, text
from gateway.catalog.documents.problems import DocumentError, NotServed
from gateway.catalog.model import Action, Body, Parameter
from gateway.catalog.security import Security, of_operation

MAX_ACTIONS = 20_000
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
# Others are sent as they are written (OpenAPI 3.2, additionalOperations); RFC 9110, section 9.1 has them so.
_SENT = re.compile(r"(?!CONNECT\Z)[A-Z][A-Z0-9-]{0,19}")
_PLACEHOLDER = re.compile(r"\{([^{}/]+)\}")
_LONGEST_TITLE = 120
_LONGEST_PATH = 2_000
_LONGEST_RESOURCE = 120
_MOST_PARAMETERS = 1_000


class _Operation(NamedTuple):
    """An operation where it stands in the document."""

    node: Mapping[str, Any]
    place: str
    item: Mapping[str, Any]
    item_place: str
    method: str
    path: str


class Setting(NamedTuple):
    """What holds for every operation of a document."""

    document: Mapping[str, Any]
    connector_id: str
    around: servers.Surroundings
    documented_root: str | None
    credentials: frozenset[tuple[str, str]]
    security: Security
    hidden: frozenset[str]


class Found(NamedTuple):
    """The actions by id, the ids by the operationIds that are none, and what is left out."""

    actions: dict[str, Action]
    aliases: dict[str, str]
    left_out: tuple[NotServed, ...]


def actions(setting: Setting) -> Found:
    """The actions of a document. Raises DocumentError, also where all of them would be left out."""
    operations = list(_operations(setting.document))
    if not operations:
        raise DocumentError("#/paths", "required", "the document has no operations.")
    given = [(text(operation.node, "operationId"), operation.method, operation.path) for operation in operations]
    ids = names.assign(given)
    found: dict[str, Action] = {}
    aliases: dict[str, str] = {}
    ambiguous: set[str] = set()
    left_out: list[NotServed] = []
    for operation, action_id, (operation_id, _, _) in zip(operations, ids, given, strict=True):
        alias = operation_id if operation_id and operation_id != action_id else None
        try:
            found[action_id] = _action(setting, operation, action_id, alias)
        except NotServed as problem:
            left_out.append(problem)
            continue
        if alias in aliases:
            ambiguous.add(alias)
        elif alias is not None:
            aliases[alias] = action_id
    if not found:
        raise left_out[0]
    # An id that two operations have in the document names neither of them in a call.
    aliases = {alias: action_id for alias, action_id in aliases.items() if alias not in ambiguous}
    return Found(found, aliases, tuple(left_out))


def _operations(document: Mapping[str, Any]) -> Iterator[_Operation]:
    count = 0
    for path, item in expect_object(document.get("paths", {}), "#/paths").items():
        if path.startswith("x-"):
            continue
        place = join("#/paths", path)
        if len(path) > _LONGEST_PATH:
            raise DocumentError(place, "maxLength", f"a path may have {_LONGEST_PATH:,} characters.")
        if not path.startswith("/"):
            raise DocumentError(place, "path", "a path must begin with a slash.")
        if any(segment in (".", "..") for segment in re.split(r"[/?#]", path)):
            raise DocumentError(place, "path", "a path must not have the segments . and ..")
        item, item_place = follow(document, item, place)
        given = [(method.upper(), item[method], join(item_place, method)) for method in _METHODS if method in item]
        if "additionalOperations" in item:
            more = join(item_place, "additionalOperations")
            added = expect_object(item["additionalOperations"], more).items()
            given += [(method, node, join(more, method)) for method, node in added]
        for method, node, node_place in given:
            count += 1
            if count > MAX_ACTIONS:
                raise DocumentError("#/paths", "maxItems", f"a document may have {MAX_ACTIONS:,} operations.")
            yield _Operation(expect_object(node, node_place), node_place, item, item_place, method, path)


def _action(setting: Setting, operation: _Operation, action_id: str, alias: str | None) -> Action:
    node, place = operation.node, operation.place
    if not _SENT.fullmatch(operation.method):
        raise NotServed(place, "method", f"the method {operation.method[:40]} is not sent.")
    found: Sequence[Parameter] = inputs.parameters(
        setting.document,
        (operation.item.get("parameters"), join(operation.item_place, "parameters")),
        (node.get("parameters"), join(place, "parameters")),
        credentials=setting.credentials,
        hidden=setting.hidden,
    )
    if len(found) > _MOST_PARAMETERS:
        place = join(place, "parameters")
        raise NotServed(place, "maxItems", f"an operation may have {_MOST_PARAMETERS:,} parameters.")
    hides = setting.security.hides
    found = [each for each in found if each.location == "path" or not hides(each.name, each.description)]
    ways, optional = of_operation(setting.security, node)
    graphql = node.get("x-graphql")
    if graphql is not None and not (isinstance(graphql, str) and graphql.strip() and operation.method == "POST"):
        raise DocumentError(join(place, "x-graphql"), "type", "it must be a GraphQL document, on a POST operation.")
    body = inputs.body(
        setting.document,
        node.get("requestBody"),
        join(place, "requestBody"),
        method=operation.method,
        hidden=setting.hidden,
        hides=hides,
    )
    server = servers.own(node, place, setting.around, setting.documented_root)
    if server is None and not node.get("servers"):
        server = servers.own(operation.item, operation.item_place, setting.around, setting.documented_root)
    summary = " ".join(text(node, "summary").split())
    title = summary or names.humanised(text(node, "operationId")) or f"{operation.method} {operation.path}"
    taken = _in_path(found, operation.path, setting.around.fields, setting.hidden, place)
    return Action(
        connector_id=setting.connector_id,
        action_id=action_id,
        alias=alias,
        method=operation.method,
        path=operation.path,
        title=title[:_LONGEST_TITLE],
        description=text(node, "description").strip() or summary,
        resource=_resource(node, operation.path),
        parameters=taken,
        body=body,
        server=server,
        deprecated=node.get("deprecated") is True,
        documentation=extension.documentation(node),
        graphql=graphql,
        ways=ways,
        credential_optional=optional,
        declared_read_only=node.get("x-read-only") is True,
        declared_destructive=_declared_destructive(operation),
        speaks_mcp=_speaks_mcp(operation, body),
        answer=answers.schema(setting.document, node),
        accept=answers.accept(setting.document, node),
        mirrored=mirrored.mirrored(setting.document, taken, body, place),
    )


def _declared_destructive(operation: _Operation) -> bool | None:
    said = operation.node.get("x-destructive")
    if said is not None and not isinstance(said, bool):
        raise DocumentError(join(operation.place, "x-destructive"), "type", "it must be true or false.")
    return said


def _speaks_mcp(operation: _Operation, body: Body | None) -> bool:
    said = operation.node.get("x-mcp-result", False)
    place = join(operation.place, "x-mcp-result")
    if not isinstance(said, bool):
        raise DocumentError(place, "type", "it must be true or false.")
    if said and (operation.method != "POST" or "x-graphql" in operation.node):
        raise DocumentError(place, "method", "it may stand on a plain POST operation only.")
    if said and body is not None and not inputs.essence(body.media_type).endswith("json"):
        raise DocumentError(place, "content", "the operation must take a JSON body, or none.")
    return said


def _in_path(
    found: Sequence[Parameter], path: str, fields: Mapping[str, Any], hidden: frozenset[str], place: str
) -> tuple[Parameter, ...]:
    """The parameters, those of the path being exactly the placeholders of its template (fields fill theirs)."""
    template = path.partition("#")[0].partition("?")[0]
    placeholders = [name for name in dict.fromkeys(_PLACEHOLDER.findall(template)) if name not in fields]
    if unfilled := hidden.intersection(placeholders):
        raise DocumentError(place, "hidden", f"{{{min(unfilled)}}} is hidden, and no field of x-connector fills it.")
    described = {parameter.name for parameter in found if parameter.location == "path"}
    added = tuple(
        Parameter(name=name, location="path", required=True, schema={"type": "string"})
        for name in placeholders
        if name not in described
    )
    return added + tuple(
        parameter for parameter in found if parameter.location != "path" or parameter.name in placeholders
    )


def _resource(node: Mapping[str, Any], path: str) -> str:
    tags = node.get("tags")
    if isinstance(tags, list) and tags and isinstance(tags[0], str) and tags[0].strip():
        return tags[0].strip()[:_LONGEST_RESOURCE]
    literal = (segment for segment in path.partition("#")[0].split("/") if segment and "{" not in segment)
    return next(literal, "api")[:_LONGEST_RESOURCE]
