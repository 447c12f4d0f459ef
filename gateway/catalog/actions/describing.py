"""Actions in words: for the catalogue's answers, and as one schema of an action's arguments."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from gateway.catalog.actions.layout import BODY, GROUPS, Layout, Slot, layout, takes_files
from gateway.catalog.actions.written import as_written
from gateway.catalog.model import Action, Body, Connector, Parameter
from gateway.catalog.schemas.inlining import stub
from gateway.catalog.schemas.patterns import compiled
from gateway.catalog.schemas.resolving import BUDGET, resolve
from gateway.catalog.schemas.samples import sample

# Of each argument, until all of them together are no larger than BUDGET.
_BUDGETS = (BUDGET, BUDGET // 8, BUDGET // 32, BUDGET // 128)


def details(connector: Connector, action: Action) -> dict[str, Any]:
    """The documented shape of an action (Connectivity API, "Get connector action details").

    `{"id", "displayName", "description", "httpMethod" (lower case), "path", "parameters": [{"name", "in",
    "description", "required", "schema"}], "requestBody"?: JSON Schema, "documentation"?, "deprecated"?, "sample"}`.
    `sample` is an object of arguments as `execution` takes them. Schemas are self-contained JSON Schema 2020-12.
    """
    document = connector.document
    found: dict[str, Any] = {
        "id": action.action_id,
        "displayName": action.title,
        "description": action.description,
        "httpMethod": action.method.lower(),
        "path": action.path,
        "parameters": [
            {
                "name": parameter.name,
                "in": parameter.location,
                "description": parameter.description,
                "required": parameter.required,
                "schema": parameter_schema(document, parameter),
            }
            for parameter in action.parameters
        ],
    }
    if action.body is not None:
        found[BODY] = body_schema(document, action.body)
    if action.documentation is not None:
        found["documentation"] = action.documentation
    if action.deprecated:
        found["deprecated"] = True
    found["sample"] = sample_arguments(connector, action)
    return found


def resources(connector: Connector) -> list[dict[str, Any]]:
    """The actions by what they are about: `[{"name", "actions": [{"id", "displayName", "description", "httpMethod",
    "path"}]}]`, in the order of the document."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for action in connector.actions.values():
        groups.setdefault(action.resource, []).append(
            {
                "id": action.action_id,
                "displayName": action.title,
                "description": action.description,
                "httpMethod": action.method.lower(),
                "path": action.path,
            }
        )
    return [{"name": name, "actions": actions} for name, actions in groups.items()]


def input_schema(connector: Connector, action: Action) -> dict[str, Any]:
    """One flat JSON Schema object of an action's arguments.

    At its top stand the parameters and the properties of an object body. Where names collide, the path goes before
    the query, that before headers, cookies and the body; what loses its place is given in its group: `pathParams`,
    `queryParameters`, `additionalHeaders`, `cookies`, or `requestBody` for the body. A body that is no object is
    given whole under `requestBody`. Other names are refused, unless the document says that the body takes any.
    Names at the top match `[A-Za-z0-9_.-]{1,64}`, as model providers demand: `page_cursor` stands for `page[cursor]`,
    and either is taken. A schema that was written for MCP's clients is left as it is (`written.as_written`).
    """
    plan = layout(connector.document, action)
    if (schema := as_written(connector.document, action, plan)) is not None:
        return schema
    return _within_budget(connector.document, action, plan, {slot: name for name, slot in plan.safe.items()})


def _within_budget(
    document: Mapping[str, Any], action: Action, plan: Layout, safe: Mapping[Slot, str]
) -> dict[str, Any]:
    for budget in _BUDGETS:
        found = _flat(document, action, plan, safe, budget)
        if len(orjson.dumps(found)) <= BUDGET:
            break
    return found


def _flat(
    document: Mapping[str, Any], action: Action, plan: Layout, safe: Mapping[Slot, str], budget: int
) -> dict[str, Any]:
    arguments = _Arguments({}, [], plan.flat, safe)
    for parameter in action.parameters:
        schema = _bounded(parameter_schema(document, parameter, budget), parameter.name, budget)
        if parameter.description:
            schema = {"description": parameter.description, **schema}
        arguments.add((parameter.location, parameter.name), schema, needed=parameter.required)
    body = action.body
    if body is not None and plan.body is not None:
        files = takes_files(body)
        for name, child in plan.body.properties.items():
            needed = body.required and name in plan.body.required
            schema = _bounded(resolve(document, child, budget=budget, files=files), name, budget)
            arguments.add(("body", name), schema, needed=needed)
    elif body is not None:
        arguments.properties[BODY] = body_schema(document, body, budget)
        arguments.required.extend([BODY] if body.required else [])
    found: dict[str, Any] = {"type": "object", "properties": arguments.properties}
    if arguments.required:
        found["required"] = arguments.required
    return {**found, "additionalProperties": plan.body is not None and plan.body.open}


def _bounded(schema: dict[str, Any], name: str, budget: int) -> dict[str, Any]:
    """`resolve` shows all upper properties whatever their number; where many arguments share the room, some must go."""
    return stub(schema, name) if budget < BUDGET and len(orjson.dumps(schema)) > 4 * budget else schema


class _Arguments(NamedTuple):
    """The arguments of an action while they are collected."""

    properties: dict[str, Any]
    required: list[str]
    flat: Mapping[str, Slot]
    safe: Mapping[Slot, str]

    def add(self, slot: Slot, schema: dict[str, Any], *, needed: bool) -> None:
        """Put an argument at the top, or into the group of its location where its name is taken."""
        location, name = slot
        if self.flat.get(name) == slot:
            if slot in self.safe:
                about = f"{schema['description']} " if schema.get("description") else ""
                schema = {**schema, "description": f"{about}(Sent as {name}.)"}
                name = self.safe[slot]
            self.properties[name] = schema
            if needed:
                self.required.append(name)
            return
        group = GROUPS[location]
        holder = self.properties.setdefault(group, {"type": "object", "properties": {}})
        holder["properties"][name] = schema
        if needed:
            holder.setdefault("required", []).append(name)
            if group not in self.required:
                self.required.append(group)


def parameter_schema(document: Mapping[str, Any], parameter: Parameter, budget: int = BUDGET) -> dict[str, Any]:
    """A parameter's schema, self-contained, with the examples of the parameter itself."""
    found = resolve(document, parameter.schema, budget=budget)
    return {**found, "examples": list(parameter.examples)} if parameter.examples else found


def body_schema(document: Mapping[str, Any], body: Body, budget: int = BUDGET) -> dict[str, Any]:
    """A body's schema, self-contained; files are base64 in what is not JSON."""
    found = resolve(document, body.schema, budget=budget, files=takes_files(body))
    if body.description and "description" not in found:
        found = {"description": body.description, **found}
    return found


def sample_arguments(connector: Connector, action: Action) -> dict[str, Any]:
    """Arguments to start from: what is required, and what has an example. Examples that are not valid are left out.

    The names are the document's own.
    """
    plan = layout(connector.document, action)
    schema = _within_budget(connector.document, action, plan, {})
    found: dict[str, Any] = sample(schema)
    if action.body is not None and action.body.examples:
        found |= _from_example(action.body.examples[0], schema["properties"])
    if plan.body is not None and any(plan.flat.get(name) == ("body", name) for name in found):
        # An optional body that is given must be whole.
        required = (name for name in sorted(plan.body.required) if plan.flat.get(name) == ("body", name))
        schema = {**schema, "required": list(dict.fromkeys([*schema.get("required", ()), *required]))}
        found = {**{name: sample(schema["properties"][name]) for name in schema["required"]}, **found}
    if not _is_valid(schema, found):
        found = {name: value for name, value in found.items() if _is_valid(schema["properties"].get(name, {}), value)}
        for name in schema.get("required", ()):
            if name not in found:
                found[name] = sample(schema["properties"][name], examples=False)
    return found


def _is_valid(schema: dict[str, Any], value: Any) -> bool:
    try:
        return compiled(schema).is_valid(value)
    except ValueError:
        # A pattern of properties that the engine cannot compile.
        return False


def _from_example(example: Any, known: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(example, dict) and BODY not in known:
        return {name: value for name, value in example.items() if name in known}
    return {BODY: example} if BODY in known else {}
