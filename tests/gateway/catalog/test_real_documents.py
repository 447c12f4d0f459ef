"""Documents that platforms publish: each loads, each of its actions can be described and checked, within bounds."""

import tracemalloc
from typing import Any

import jsonschema_rs
import orjson
import pytest

from gateway.catalog.actions.describing import details, input_schema, sample_arguments
from gateway.catalog.actions.layout import takes_files
from gateway.catalog.documents.reading import parse
from gateway.catalog.loader import load
from gateway.catalog.model import Connector
from gateway.catalog.schemas.resolving import BUDGET, validator
from support.documents import real_document

# File, operations. How long they take is measured by benchmarks/catalog.py, not asserted here.
DOCUMENTS = [
    ("adyen_checkout.json", 28),
    ("asana.yaml", 247),
    ("google_calendar.json", 37),
    ("hubspot_crm_contacts.json", 13),
    ("notion.json", 24),
    ("plaid.yaml", 329),
    ("prefect_openapi.json", 187),
    ("jupyter.yaml", 32),
    ("slack.json", 174),
]


def loaded(name: str) -> Connector:
    return load(parse(real_document(name)), connector_id="real", source_url="https://api.example.com/openapi.json")


@pytest.mark.parametrize(("name", "operations"), DOCUMENTS)
def test_every_action_of_a_real_document(name: str, operations: int) -> None:
    found = loaded(name)
    assert len(found.actions) == operations
    for action in found.actions.values():
        schema = input_schema(found, action)
        assert len(orjson.dumps(schema)) < 2 * BUDGET
        check = jsonschema_rs.Draft202012Validator(schema, offline=True)
        described = details(found, action)
        orjson.dumps(described)
        assert {each["name"] for each in described["parameters"]} == {each.name for each in action.parameters}
        for parameter in action.parameters:
            validator(found.document, parameter.schema)
        if action.body is not None:
            validator(found.document, action.body.schema, files=takes_files(action.body))
        sample: dict[str, Any] = sample_arguments(found, action)
        # One action wants a value of a pattern that no example shows.
        assert check.is_valid(sample) or "must match" in _pattern_only(check, sample)


def _pattern_only(check: jsonschema_rs.Draft202012Validator, sample: dict[str, Any]) -> str:
    kinds = {error.kind.name for error in check.iter_errors(sample)}
    return "must match" if kinds == {"pattern"} else ", ".join(kinds)


def test_memory_for_the_largest() -> None:
    raw = real_document("plaid.yaml")
    tracemalloc.start()
    try:
        found = load(parse(raw), connector_id="real")
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.actions
    # Fifteen times the text at the most, and less than eight times once it is loaded.
    assert kept < 8 * len(raw)
    assert most < 15 * len(raw)


def test_known_facts_of_real_documents() -> None:
    plaid = loaded("plaid.yaml")
    assert [way.name for way in plaid.authentication] == ["PLAID-SECRET"]
    assert {field.name for field in plaid.fields} == {"PLAID-CLIENT-ID", "Plaid-Version"}
    assert loaded("prefect_openapi.json").base_url == "https://api.example.com"
    assert "get-/crm/v3/objects/contacts_getPage" in loaded("hubspot_crm_contacts.json").aliases
    assert loaded("asana.yaml").base_url == "https://app.asana.com/api/1.0"
    slack = loaded("slack.json")
    assert slack.base_url == "https://slack.com/api"
    post = slack.actions["chat_postMessage"]
    # The token is the vault's, in whichever place the document asks for it.
    assert post.parameters == ()
    assert post.body is not None
    assert post.body.media_type == "application/x-www-form-urlencoded"
    assert loaded("jupyter.yaml").base_url == "https://api.example.com"
