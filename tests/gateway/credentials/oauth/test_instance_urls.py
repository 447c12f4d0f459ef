"""Where a token answer may send calls."""

from typing import Any

import pytest

from gateway.catalog.loader import load, load_shipped
from gateway.catalog.model import Connector
from gateway.credentials.model import Secret
from gateway.credentials.oauth.instance import accepted, instance_url
from gateway.errors import InvalidRequest
from gateway.execution import address


def own(server: str = "https://api.example.com/v1", **x_oauth: Any) -> Connector:
    document = {
        "openapi": "3.0.3",
        "info": {"title": "Things", "version": "1"},
        "servers": [{"url": server}],
        "x-connector": {"authentication": [{"type": "oauth2"}], "x-oauth": x_oauth},
        "paths": {
            "/a": {"get": {"operationId": "a", "responses": {}}},
            "/b": {"get": {"operationId": "b", "responses": {}, "servers": [{"url": "https://b.example.com"}]}},
        },
    }
    return load(document, connector_id="things")


@pytest.mark.parametrize(
    ("connector", "url", "origin"),
    [
        ("salesforce", "https://acme.my.salesforce.com", "https://acme.my.salesforce.com"),
        ("salesforce", "https://Acme.My.Salesforce.com/", "https://acme.my.salesforce.com"),
        ("salesforce", "https://acme--dev.sandbox.my.salesforce.com", "https://acme--dev.sandbox.my.salesforce.com"),
        ("salesforce", "https://acme.my.salesforce.com:443", "https://acme.my.salesforce.com:443"),
        ("zohoCRM", "https://www.zohoapis.eu", "https://www.zohoapis.eu"),
        ("zohoCRM", "https://www.zohoapis.com.au", "https://www.zohoapis.com.au"),
    ],
)
def test_a_shipped_connector_admits_the_hosts_of_its_document(connector: str, url: str, origin: str) -> None:
    assert accepted(load_shipped(connector), url) == origin


@pytest.mark.parametrize(
    ("connector", "url"),
    [
        ("salesforce", "https://evil.example.com"),
        ("salesforce", "https://my.salesforce.com.evil.example"),
        ("salesforce", "https://evil.example/.my.salesforce.com"),
        ("salesforce", "https://evil.example#.my.salesforce.com"),
        ("salesforce", "https://evil.example?.my.salesforce.com"),
        ("salesforce", "https://evil.example\\.my.salesforce.com"),
        ("salesforce", "https://acme.my.salesforce.com@evil.example"),
        ("salesforce", "https://user:pw@acme.my.salesforce.com"),
        ("salesforce", "https://acme.my.salesforce.com.evil.example"),
        ("salesforce", "https://acme.my.salesforce.com/services/other"),
        ("salesforce", "https://acme.my.salesforce.com:8443"),
        ("salesforce", "http://acme.my.salesforce.com"),
        ("salesforce", "https://acme.my.salesforcexcom"),
        ("salesforce", "https://.my.salesforce.com"),
        ("salesforce", "https://a..my.salesforce.com"),
        ("salesforce", "https://my.salesforce.com"),
        ("salesforce", "https://[::1]"),
        ("salesforce", "https://acme.my.salesforce.com:99999"),
        ("salesforce", "ftp://acme.my.salesforce.com"),
        ("salesforce", "acme.my.salesforce.com"),
        ("salesforce", ""),
        ("zohoCRM", "https://www.zohoapis.example"),
        ("zohoCRM", "https://www.zohoapis.evil.com"),
        ("zohoCRM", "https://www.zohoapis.com.evil.com"),
        ("slack", "https://evil.example.com"),
    ],
)
def test_and_no_other(connector: str, url: str) -> None:
    assert accepted(load_shipped(connector), url) is None


def test_a_connector_of_an_operator_s_own_admits_https() -> None:
    assert accepted(own(), "https://eu1.example.net:8443/") == "https://eu1.example.net:8443"
    assert accepted(own(), "http://eu1.example.net") is None
    # The operator takes plain http there already.
    assert accepted(own("http://10.0.0.1/v1"), "http://10.0.0.2:81") == "http://10.0.0.2:81"


@pytest.mark.parametrize("said", [None, 5, {}, ["https://x.example"], "https://user@x.example"])
def test_what_is_no_address_is_none(said: Any) -> None:
    assert instance_url(own(), {"instance_url": said}, "instance_url") is None
    assert instance_url(own(), {"instance_url": "https://x.example"}, None) is None


def test_calls_with_a_token_of_oauth_go_to_its_instance() -> None:
    connector = own()
    fetched = {"token": "t", "instanceUrl": "https://eu1.example.net"}
    for kind, server in (
        ("oauth2", "https://eu1.example.net/v1"),
        ("clientCredentials", "https://eu1.example.net/v1"),
        # A token that a person pasted says nothing of an instance.
        ("bearer", "https://api.example.com/v1"),
    ):
        assert address.server(connector, connector.actions["a"], Secret(kind, fetched)) == server
    # An operation that has a server to itself keeps it.
    assert address.server(connector, connector.actions["b"], Secret("oauth2", fetched)) == "https://b.example.com"


def test_an_address_that_was_stored_is_judged_again() -> None:
    salesforce = load_shipped("salesforce")
    action = next(iter(salesforce.actions.values()))
    with pytest.raises(InvalidRequest, match="instanceUrl cannot be used"):
        address.server(salesforce, action, Secret("oauth2", {"instanceUrl": "https://evil.example.com"}))
    good = Secret("oauth2", {"instanceUrl": "https://acme.my.salesforce.com"})
    assert address.server(salesforce, action, good) == "https://acme.my.salesforce.com/services/data/v62.0"


def test_a_document_may_have_an_address_for_such_tokens() -> None:
    jira = load_shipped("jira")
    action = next(iter(jira.actions.values()))
    secret = Secret("oauth2", {"token": "t", "cloudId": "11-22"})
    assert address.server(jira, action, secret) == "https://api.atlassian.com/ex/jira/11-22"
    assert address.server(jira, action, Secret("basic", {"site": "acme"})) == "https://acme.atlassian.net"
    with pytest.raises(InvalidRequest, match="cloudId"):
        address.server(jira, action, Secret("oauth2", {"token": "t"}))
    with pytest.raises(InvalidRequest):
        address.server(jira, action, Secret("oauth2", {"cloudId": ".."}))
    assert address.server(jira, action, Secret("oauth2", {"cloudId": "a/b"})).endswith("/a%2Fb")


@pytest.mark.parametrize("url", ["ftp://x.example.com", "https://{host}/x", "https://u@x.example.com", "nonsense"])
def test_an_address_that_could_lead_anywhere_is_refused(url: str) -> None:
    connector = own(baseUrl=url)
    with pytest.raises(InvalidRequest):
        address.server(connector, connector.actions["a"], Secret("oauth2", {"token": "t", "host": "evil.example"}))
