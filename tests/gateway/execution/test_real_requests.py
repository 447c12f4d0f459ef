"""Every action of every document at hand, from its own sample to the bytes that would be sent."""

from urllib.parse import urlsplit

import orjson
import pytest

import spec
from gateway.catalog.actions.describing import sample_arguments
from gateway.catalog.documents.reading import parse
from gateway.catalog.loader import load, load_shipped
from gateway.catalog.model import Connector
from gateway.credentials.model import Secret
from gateway.execution.arguments import split
from gateway.execution.request import build
from gateway.outbound.messages import origin_of
from support.documents import real_document

NAMES = [
    "adyen_checkout.json",
    "asana.yaml",
    "google_calendar.json",
    "hubspot_crm_contacts.json",
    "jupyter.yaml",
    "notion.json",
    "plaid.yaml",
    "prefect_openapi.json",
    "slack.json",
]
# Its one required value has a pattern that no example shows.
WITHOUT_SAMPLE = {"post-validateShopperId"}


def real(name: str) -> Connector:
    return load(parse(real_document(name)), connector_id=name, source_url="https://api.example.com/openapi.json")


def secret(loaded: Connector) -> Secret | None:
    if not loaded.authentication:
        return None
    data = {"token": "t-1", "apiKey": "k-1", "username": "u", "password": "p"}
    return Secret(loaded.authentication[0].type, data | {field.name: field.example or "x" for field in loaded.fields})


def check(loaded: Connector) -> None:
    for action in loaded.actions.values():
        if action.action_id in WITHOUT_SAMPLE:
            continue
        sample = sample_arguments(loaded, action)
        request = build(loaded, action, split(action, loaded.document, sample), secret(loaded))
        origin_of(request.url)
        assert request.method == action.method
        path, _, query = action.path.partition("#")[0].partition("?")
        literal = [part for part in path.split("/") if part and "{" not in part]
        sent = urlsplit(request.url)
        assert set(literal) <= set(sent.path.split("/"))
        # A query that stands in the path is sent as it is.
        assert query in sent.query
        if request.body is not None and request.headers["Content-Type"].partition(";")[0].endswith("json"):
            orjson.loads(request.body)


@pytest.mark.parametrize("name", NAMES)
def test_real_documents(name: str) -> None:
    check(real(name))


@pytest.mark.parametrize("name", spec.connector_names())
def test_shipped_documents(name: str) -> None:
    check(load_shipped(name))
