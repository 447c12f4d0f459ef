"""What every shipped connector document owes to those who read it: people, assistants, and whoever holds its ids."""

import re
from functools import cache
from typing import Any

import pytest
import yaml
from openapi_spec_validator import validate

import spec
from gateway.actions.probing import harmless
from gateway.catalog.loader import load_shipped
from gateway.catalog.schemas.resolving import validator

from .facts import platform_ids, read_platform

CATEGORIES = {
    "communication",
    "crm",
    "productivity",
    "marketing",
    "storage",
    "content-management",
    "e-commerce",
    "support",
    "accounting",
    "shipping",
    "developer",
    "payments",
}
# docs/connectors.md explains them; None where any text will do.
OAUTH_WORDS: dict[str, set[Any] | None] = {
    "authorizeParameters": None,
    "scopeSeparator": {" ", ","},
    "pkce": {"required", "supported", "none"},
    "tokenEndpointAuthMethod": {"client_secret_post", "client_secret_basic"},
    "tokenRequestFormat": {"form", "json"},
    "tokenRequestHeaders": None,
    "scopesSetInApp": {True},
    "userScopeParameter": None,
    "userTokenField": None,
    "refreshToken": {"rotating", "reusable", "none"},
    "revocationUrl": None,
    "revocationRequest": {"form", "bearer"},
    "instanceUrlField": None,
    "accountsServerParameter": None,
    "accountsServers": None,
    "baseUrl": None,
    "callbackFields": None,
    "tenant": None,
}
METHODS = ("get", "put", "post", "patch", "delete")
IDS = spec.connector_names()


@cache
def read(connector_id: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(spec.read(f"connectors/{connector_id}.yaml"))
    return document


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(method and path, path item, operation) of the whole document."""
    return [
        (f"{method} {path}", item, item[method])
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    ]


def parameters(document: dict[str, Any], item: dict[str, Any], operation: dict[str, Any]) -> list[dict[str, Any]]:
    own = [*item.get("parameters", []), *operation.get("parameters", [])]
    shared = document.get("components", {}).get("parameters", {})
    return [shared[each["$ref"].rpartition("/")[2]] if "$ref" in each else each for each in own]


@pytest.mark.parametrize("connector_id", IDS)
def test_the_document_is_valid_openapi(connector_id: str) -> None:
    validate(read(connector_id))


@pytest.mark.parametrize("connector_id", IDS)
def test_it_says_who_it_is_and_what_for(connector_id: str) -> None:
    document = read(connector_id)
    about = document["x-connector"]
    assert about["id"] == connector_id
    assert about["name"] == document["info"]["title"]
    assert len(document["info"]["description"]) > 40
    assert about["documentation"].startswith("https://")
    assert about["category"]
    assert set(about["category"]) <= CATEGORIES


@pytest.mark.parametrize("connector_id", IDS)
def test_each_way_to_sign_in_is_explained(connector_id: str) -> None:
    document = read(connector_id)
    ways = document["x-connector"]["authentication"]
    for way in ways:
        assert way["title"]
        assert len(way["description"]) > 20
    kinds = [way["type"] for way in ways]
    assert "oauth2" not in kinds[:-1], "OAuth comes last"
    for way in ways:
        if way["type"] == "oauth2":
            scheme = document["components"]["securitySchemes"][way["scheme"]]
            for flow in scheme["flows"].values():
                assert flow["authorizationUrl"].startswith("https://")
                assert flow["tokenUrl"].startswith("https://")


@pytest.mark.parametrize("connector_id", IDS)
def test_the_peculiarities_of_oauth_have_the_same_names_everywhere(connector_id: str) -> None:
    about = read(connector_id)["x-connector"]
    kinds = {way["type"] for way in about["authentication"]}
    oauth = about.get("x-oauth", {})
    assert "oauth2" in kinds or not oauth
    for word, value in oauth.items():
        assert word in OAUTH_WORDS
        known = OAUTH_WORDS[word]
        assert known is None or value in known, word
    assert oauth.get("revocationUrl", "https://").startswith("https://")
    for parameter in oauth.get("authorizeParameters", {}).items():
        assert all(isinstance(text, str) for text in parameter)


@pytest.mark.parametrize("connector_id", IDS)
def test_the_action_that_tries_a_credential_needs_nothing(connector_id: str) -> None:
    tried = harmless(load_shipped(connector_id))
    assert tried is not None
    assert tried.action_id == read(connector_id)["x-connector"]["test"]


@pytest.mark.parametrize("connector_id", IDS)
def test_a_field_fills_one_label_of_the_host(connector_id: str) -> None:
    document = read(connector_id)
    [server] = document["servers"]
    fields = {
        name: field
        for name, field in document["x-connector"].get("fields", {}).items()
        if field.get("in", "url") == "url"
    }
    assert server["url"].startswith("https://")
    # What is hidden stands in paths, and is filled in there.
    in_paths = set(document["x-connector"].get("hidden", [])) & set(fields)
    assert set(re.findall(r"\{(\w+)\}", server["url"])) == set(fields) - in_paths == set(server.get("variables", {}))
    for field in fields.values():
        pattern = field["pattern"]
        assert pattern.startswith("^")
        assert pattern.endswith("$")
        assert field["title"]
        assert field["description"]
        assert re.fullmatch(pattern, field["example"])
        for bad in ("", "a.b", "a/b", "a@b", "a:1", "a#", "a?", "-a", "a-", "a b", "é", "a" * 64):
            assert not re.fullmatch(pattern, bad), bad


@pytest.mark.parametrize("connector_id", IDS)
def test_a_field_that_is_sent_under_its_name_is_explained(connector_id: str) -> None:
    for field in read(connector_id)["x-connector"].get("fields", {}).values():
        if "in" in field:
            assert field["title"]
            assert field["description"]
            assert re.fullmatch(field["pattern"], field["example"])
            for bad in ("", "a b", "a&b", "é", "a\n"):
                assert not re.fullmatch(field["pattern"], bad), bad


@pytest.mark.parametrize("connector_id", IDS)
def test_every_operation_is_described(connector_id: str) -> None:
    document = read(connector_id)
    known = {tag["name"] for tag in document["tags"]}
    for where, item, operation in operations(document):
        assert 0 < len(operation["summary"]) <= 60, where
        assert operation["summary"] != operation["description"], where
        assert len(operation["description"]) > 40, where
        assert operation["externalDocs"]["url"].startswith("https://"), where
        assert len(operation["tags"]) == 1, where
        assert operation["tags"][0] in known, where
        assert any(status.startswith("2") for status in operation["responses"]), where
        for parameter in parameters(document, item, operation):
            assert parameter["description"], (where, parameter["name"])
            assert "schema" in parameter or "content" in parameter, (where, parameter["name"])


@pytest.mark.parametrize("connector_id", IDS)
def test_ids_are_safe_and_there_are_reads_and_writes(connector_id: str) -> None:
    found = operations(read(connector_id))
    ids = [operation["operationId"] for _, _, operation in found]
    assert len(ids) >= 6
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", each) for each in ids)
    reads = [
        where
        for where, _, operation in found
        if where.startswith("get ")
        or operation.get("x-graphql", "").startswith("query")
        or operation.get("x-read-only")
    ]
    assert 0 < len(reads) < len(found)


@pytest.mark.parametrize("connector_id", IDS)
def test_no_credential_is_a_parameter(connector_id: str) -> None:
    document = read(connector_id)
    for where, item, operation in operations(document):
        for parameter in parameters(document, item, operation):
            assert parameter["in"] in ("path", "query", "header"), (where, parameter["name"])
            assert parameter["name"].lower() not in ("token", "api_key", "apikey", "key", "access_token", "cookie"), (
                where
            )


@pytest.mark.parametrize("connector_id", IDS)
def test_graphql_operations_take_exactly_their_variables(connector_id: str) -> None:
    for where, _, operation in operations(read(connector_id)):
        if "x-graphql" not in operation:
            continue
        declared = re.findall(r"\$(\w+): ([^,=)]+)", operation["x-graphql"].partition("{")[0])
        content = operation.get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        assert {name for name, _ in declared} == set(schema.get("properties", {})), where
        needed = {name for name, kind in declared if kind.strip().endswith("!")}
        assert needed == set(schema.get("required", [])), where


def test_ids_stay_what_they_are() -> None:
    """Saved restrictions and assistants' habits hold these ids: one that goes or changes is a break."""
    assert platform_ids() == IDS
    for connector_id in IDS:
        ids = {operation["operationId"] for _, _, operation in operations(read(connector_id))}
        assert ids == {row.action_id for row in read_platform(connector_id).rows}, connector_id


@pytest.mark.parametrize("connector_id", IDS)
def test_what_the_platform_answers_is_as_the_document_says(connector_id: str) -> None:
    document = read(connector_id)
    described = {operation["operationId"]: operation["responses"] for _, _, operation in operations(document)}
    shared = document.get("components", {}).get("responses", {})
    for row in read_platform(connector_id).rows:
        responses = described[row.action_id]
        assert str(row.status) in responses, row.action_id
        response = responses[str(row.status)]
        response = shared[response["$ref"].rpartition("/")[2]] if "$ref" in response else response
        media = response.get("content", {}).get("application/json")
        if media is not None and "schema" in media and isinstance(row.answer, (dict, list)):
            found = validator(document, media["schema"]).is_valid(row.answer)
            assert found, (row.action_id, row.answer)


# What takes away without being a DELETE: by its name, or among other things and for good.
DESTRUCTIVE = {
    "dropbox": {"delete"},
    "gmail": {"trashMessage"},
    "googleWorkspaceAdmin": {"signOutUser"},
    "googlesheets": {"batchUpdate", "clearValues"},
    "monday": {"archiveItem"},
    "shippo": {"refundLabel"},
    "stripe": {"createRefund"},
    "xero": {"updateInvoice"},
    "zohoCRM": {"convertLead"},
    "zoom": {"endMeeting"},
}


@pytest.mark.parametrize("connector_id", IDS)
def test_what_takes_away_says_so(connector_id: str) -> None:
    flagged = {
        operation["operationId"]: operation["x-destructive"]
        for _, _, operation in operations(read(connector_id))
        if "x-destructive" in operation
    }
    assert flagged == dict.fromkeys(DESTRUCTIVE.get(connector_id, ()), True)
