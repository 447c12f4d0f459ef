"""Which fields a sign-in asks for, and what the platform tells of them."""

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest

from gateway.catalog.loader import load_shipped
from gateway.credentials.oauth.arrivals import Arrivals
from gateway.credentials.oauth.flows import Flow
from gateway.credentials.oauth.needs import asked, checked, from_url
from gateway.credentials.oauth.provider import provider_of
from gateway.credentials.oauth.tokens import Tokens
from gateway.errors import InvalidRequest, UpstreamError
from gateway.outbound.messages import Request, Response

SITES = [
    {"id": "c-1", "name": "acme", "url": "https://acme.atlassian.net"},
    {"id": "c-1", "name": "acme once more", "url": "https://acme.atlassian.net"},
    {"id": "c-2", "name": "beta", "url": "https://beta.atlassian.net"},
    {"id": "../c-3", "name": "bad", "url": "https://bad.atlassian.net"},
]


@pytest.mark.parametrize(
    ("connector_id", "expected"),
    [
        ("slack", {}),
        ("shopify", {"shopName": True}),
        ("salesforce", {"instance": False}),
        ("jira", {"site": False}),
        ("quickbooks", {}),
        ("xero", {}),
        ("zohoCRM", {"region": False}),
        ("netsuite", {"account": True}),
    ],
)
def test_what_is_asked_first(connector_id: str, expected: dict[str, bool]) -> None:
    connector = load_shipped(connector_id)
    provider = provider_of(connector)
    assert provider is not None
    assert {field.name: needed for field, needed in asked(connector, provider)} == expected


@pytest.mark.parametrize(
    ("data", "rule"),
    [({}, "required"), ({"shopName": "a.b"}, "pattern"), ({"shopName": "a", "apiKey": "x"}, "unknown")],
)
def test_bad_fields(data: dict[str, str], rule: str) -> None:
    connector = load_shipped("shopify")
    provider = provider_of(connector)
    assert provider is not None
    with pytest.raises(InvalidRequest) as refused:
        checked(connector, provider, data, "data")
    assert refused.value.details["rule"] == rule


@pytest.mark.parametrize(
    ("connector_id", "url", "fields"),
    [
        ("jira", "https://acme.atlassian.net", {"site": "acme"}),
        ("jira", "https://acme.atlassian.net.evil.example", {}),
        ("jira", "https://a.b.atlassian.net", {}),
        ("jira", "http://acme.atlassian.net", {}),
        ("salesforce", "https://acme.my.salesforce.com", {"instance": "acme"}),
        ("zohoCRM", "https://www.zohoapis.com.au", {"region": "com.au"}),
        ("zohoCRM", "https://www.zohoapis.evil", {}),
        ("slack", "https://slack.com/api", {}),
    ],
)
def test_what_an_address_tells(connector_id: str, url: str, fields: dict[str, str]) -> None:
    assert from_url(load_shipped(connector_id), url) == fields


class _Lists:
    """An outbound client that answers the list of sites."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.asked.append(request)
        return Response(200, {}, json.dumps(self.answer).encode(), request.url)


async def sites(fields: dict[str, str], answer: Any = SITES) -> list[dict[str, Any]]:
    jira = load_shipped("jira")
    provider = provider_of(jira)
    assert provider is not None
    assert provider.tenant is not None
    outbound = _Lists(answer)
    arrivals = Arrivals.__new__(Arrivals)
    arrivals._outbound = cast("Any", outbound)
    flow = cast("Flow", SimpleNamespace(connector=jira, row=SimpleNamespace(account_id="default", user_id="admin")))
    found = await arrivals._tenants(flow, provider.tenant, Tokens(access_token="the-token"), fields)
    assert outbound.asked[0].url == "https://api.atlassian.com/oauth/token/accessible-resources"
    assert outbound.asked[0].headers["Authorization"] == "Bearer the-token"
    return found


async def test_a_site_that_was_named_is_taken() -> None:
    assert await sites({"site": "beta"}) == [{"name": "beta", "fields": {"site": "beta", "cloudId": "c-2"}}]


async def test_else_all_of_them_once() -> None:
    assert [each["fields"]["cloudId"] for each in await sites({})] == ["c-1", "c-2"]


@pytest.mark.parametrize(
    ("fields", "answer"), [({"site": "gamma"}, SITES), ({}, []), ({}, {"a": 1}), ({"site": "x"}, [{}])]
)
async def test_none_of_them(fields: dict[str, str], answer: Any) -> None:
    with pytest.raises(UpstreamError):
        await sites(fields, answer)
