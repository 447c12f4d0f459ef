"""What a newer document changes: told by action, however deep it stands."""

from typing import Any

from openapi_samples import connector, json_body, operation

from gateway.catalog.changes import changes, gone
from gateway.catalog.model import Connector


def pets(schemas: dict[str, Any] | None = None, **nodes: Any) -> Connector:
    """A connector with one POST operation per name, whose body is `#/components/schemas/Pet`."""
    body = json_body({"$ref": "#/components/schemas/Pet"})
    paths = {
        f"/{name}": {"post": operation(operationId=name, requestBody=body, **(more or {}))}
        for name, more in nodes.items()
    }
    return connector(paths, components={"schemas": {"Pet": {"type": "object"}, **(schemas or {})}})


def test_added_removed_and_changed() -> None:
    before, after = pets(a={}, b={}, c={}), pets(b={}, c={"summary": "Other"}, d={})
    found = changes(before, after)
    assert (found.added, found.removed, found.changed) == (("d",), ("a",), ("c",))


def test_the_same_document_changes_nothing() -> None:
    found = changes(pets(a={}, b={}), pets(a={}, b={}))
    assert (found.added, found.removed, found.changed) == ((), (), ())


def test_a_change_is_found_behind_references_that_lead_in_a_circle() -> None:
    def family(kind: str) -> dict[str, Any]:
        owner = {"properties": {"pet": {"$ref": "#/components/schemas/Pet"}, "age": {"type": kind}}}
        return {"Pet": {"properties": {"owner": {"$ref": "#/components/schemas/Owner"}}}, "Owner": owner}

    assert changes(pets(family("integer"), a={}), pets(family("string"), a={})).changed == ("a",)
    assert changes(pets(family("integer"), a={}), pets(family("integer"), a={})).changed == ()


def test_what_nothing_refers_to_changes_nothing() -> None:
    assert changes(pets(a={}), pets({"Unused": {"type": "string"}}, a={})).changed == ()


def test_names_that_lead_nowhere_any_more() -> None:
    before = connector({"/a": {"get": operation(operationId="pets/list")}, "/b": {"get": operation(operationId="b")}})
    after = connector({"/b": {"get": operation(operationId="b")}})
    (action_id,) = set(before.actions) - set(after.actions)
    assert gone(before, after) == {"pets/list", action_id}
    assert gone(before, before) == frozenset()
