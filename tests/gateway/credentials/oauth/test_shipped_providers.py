"""The sign-in of every shipped connector: whole, at the addresses that its platform documents, and told in the docs."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest

import spec
from gateway.catalog.loader import load_shipped
from gateway.catalog.model import Connector
from gateway.credentials.oauth.configs import Registration
from gateway.credentials.oauth.flows import Flow, Flows
from gateway.credentials.oauth.needs import asked, checked
from gateway.credentials.oauth.provider import Provider, provider_of

PAGE = Path(__file__).parents[4] / "docs" / "oauth.md"
# As the platforms' own pages have it: where a person is sent, what parts scopes, and whether PKCE is taken.
GOOGLE = ("https://accounts.google.com/o/oauth2/v2/auth", " ", True)
MICROSOFT = ("https://login.microsoftonline.com/common/oauth2/v2.0/authorize", " ", True)
DOCUMENTED: dict[str, tuple[str, str, bool]] = {
    "airtable": ("https://airtable.com/oauth2/v1/authorize", " ", True),
    "asana": ("https://app.asana.com/-/oauth_authorize", " ", True),
    "box": ("https://account.box.com/api/oauth2/authorize", " ", False),
    "discord": ("https://discord.com/oauth2/authorize", " ", True),
    "dropbox": ("https://www.dropbox.com/oauth2/authorize", " ", True),
    "dynamics": MICROSOFT,
    "github": ("https://github.com/login/oauth/authorize", " ", True),
    "gitlab": ("https://gitlab.com/oauth/authorize", " ", True),
    "gmail": GOOGLE,
    "google-calendar": GOOGLE,
    "google-drive": GOOGLE,
    "googleDocs": GOOGLE,
    "googleWorkspaceAdmin": GOOGLE,
    "googlesheets": GOOGLE,
    "hubspot": ("https://app.hubspot.com/oauth/authorize", " ", False),
    "intercom": ("https://app.intercom.com/oauth", "", False),
    "jira": ("https://auth.atlassian.com/authorize", " ", False),
    "klaviyo": ("https://www.klaviyo.com/oauth/authorize", " ", True),
    "linear": ("https://linear.app/oauth/authorize", ",", True),
    "microsoft-graph": MICROSOFT,
    "monday": ("https://auth.monday.com/oauth2/authorize", " ", True),
    "netsuite": ("https://system.netsuite.com/app/login/oauth2/authorize.nl", " ", True),
    "notion": ("https://api.notion.com/v1/oauth/authorize", "", False),
    "pipedrive": ("https://oauth.pipedrive.com/oauth/authorize", " ", True),
    "quickbooks": ("https://appcenter.intuit.com/connect/oauth2", " ", False),
    "salesforce": ("https://login.salesforce.com/services/oauth2/authorize", " ", True),
    "shippo": ("https://goshippo.com/oauth/authorize", " ", False),
    "shopify": ("https://acme-outdoor.myshopify.com/admin/oauth/authorize", ",", False),
    "slack": ("https://slack.com/oauth/v2/authorize", ",", False),
    "stripe": ("https://connect.stripe.com/oauth/authorize", " ", False),
    "xero": ("https://login.xero.com/identity/connect/authorize", " ", True),
    "zendesk": ("https://acme.zendesk.com/oauth/authorizations/new", " ", True),
    "zohoCRM": ("https://accounts.zoho.com/oauth/v2/auth", ",", False),
    "zoom": ("https://zoom.us/oauth/authorize", "", True),
}


def pair(connector_id: str) -> tuple[Connector, Provider]:
    connector = load_shipped(connector_id)
    provider = provider_of(connector)
    assert provider is not None
    return connector, provider


def sample(connector: Connector, provider: Provider) -> dict[str, str]:
    return checked(
        connector,
        provider,
        {each.name: each.example for each, needed in asked(connector, provider) if needed},
        "data",
    )


def test_every_connector_with_a_sign_in_is_here() -> None:
    offering = {
        each
        for each in spec.connector_names()
        if any(way.type == "oauth2" for way in load_shipped(each).authentication)
    }
    assert offering == set(DOCUMENTED)
    assert {each for each in spec.connector_names() if provider_of(load_shipped(each))} == offering


@pytest.mark.parametrize("connector_id", DOCUMENTED)
def test_a_provider_is_whole(connector_id: str) -> None:
    connector, provider = pair(connector_id)
    ready = provider.filled(sample(connector, provider))
    for url in (ready.authorization_url or "", *ready.endpoints):
        assert url.startswith("https://")
        assert "{" not in url
    assert ready.scopes or ready.scopes_set_in_app or connector_id == "notion"
    # Whatever calls need is asked for, or filled by the sign-in.
    known = {each.name for each, _ in asked(connector, provider)} | set(provider.callback_fields.values())
    assert {each.name for each in connector.fields} <= known | ({provider.tenant.field} if provider.tenant else set())


@pytest.mark.parametrize("connector_id", DOCUMENTED)
def test_the_authorize_url_is_the_documented_one(connector_id: str) -> None:
    connector, provider = pair(connector_id)
    where, separator, pkce = DOCUMENTED[connector_id]
    registration = Registration(auth_config_id="a" * 24, client_id="the client")
    flow = Flow(
        row=cast("Any", SimpleNamespace()),
        connector=connector,
        registration=registration,
        provider=registration.over(provider).filled(sample(connector, provider)),
        held={"verifier": "v" * 43},
    )
    flows = Flows.__new__(Flows)
    flows.public_url = "https://gate.example.com"
    url = urlsplit(flows.authorization_url(flow, "the-state"))
    assert f"{url.scheme}://{url.netloc}{url.path}" == where
    query = {name: values[0] for name, values in parse_qs(url.query, strict_parsing=True).items()}
    assert (query.pop("response_type"), query.pop("client_id")) == ("code", "the client")
    assert query.pop("state") == "the-state"
    assert query.pop("redirect_uri") == f"https://gate.example.com/api/strategy/connector/{connector_id}/callback"
    assert query.pop("scope", "") == (separator.join(provider.scopes) if separator else "")
    assert (query.pop("code_challenge_method", None) == "S256") is pkce
    assert ("code_challenge" in query) is pkce
    query.pop("code_challenge", None)
    assert query == provider.authorize_parameters


def test_zoho_is_asked_where_the_account_is() -> None:
    connector, provider = pair("zohoCRM")
    eu = provider.filled(checked(connector, provider, {"region": "eu"}, "data"))
    assert eu.authorization_url == "https://accounts.zoho.eu/oauth/v2/auth"
    assert eu.token_url == "https://accounts.zoho.eu/oauth/v2/token"
    uk = provider.filled({"region": "com", "accountsServer": "https://accounts.zoho.uk"})
    assert uk.refresh_url == "https://accounts.zoho.uk/oauth/v2/token"


def test_a_tenant_of_ones_own() -> None:
    _, provider = pair("microsoft-graph")
    base = "https://login.microsoftonline.com/acme.onmicrosoft.com/oauth2/v2.0"
    own = Registration(
        auth_config_id="",
        client_id="x",
        authorization_url=f"{base}/authorize",
        token_url=f"{base}/token",
        scopes=("a",),
    ).over(provider)
    assert (own.authorization_url, own.refresh_url, own.scopes) == (f"{base}/authorize", f"{base}/token", ("a",))
    _, gitlab = pair("gitlab")
    moved = Registration(auth_config_id="", client_id="x", token_url="https://git.acme.example/oauth/token").over(
        gitlab
    )
    assert moved.revocation_url == "https://git.acme.example/oauth/revoke"


def test_a_secret_stays_where_it_was_entrusted_to() -> None:
    _, provider = pair("slack")
    held = Registration(auth_config_id="", client_id="x", endpoints=provider.endpoints)
    assert held.over(provider) is not None
    with pytest.raises(Exception, match="have changed"):
        held.over(replace(provider, token_url="https://evil.example.com/token"))


def row(connector_id: str) -> str:
    """A connector's row in docs/oauth.md."""
    connector, provider = pair(connector_id)
    fields = [
        f"`{each.name}`" + ("" if needed else " (may be left out)") for each, needed in asked(connector, provider)
    ]
    told = [f"`{name}` from the redirect" for name in provider.callback_fields.values()]
    if provider.instance_url_field:
        told.append("the address to call")
    if provider.tenant:
        told.append(f"`{provider.tenant.field}`, chosen where there are several")
    cells = [
        connector_id,
        urlsplit(provider.authorization_url or "").netloc,
        ", ".join(fields) or "-",
        ", ".join(told) or "-",
        "set in the app" if provider.scopes_set_in_app else f"{len(provider.scopes)}" if provider.scopes else "-",
        "yes" if provider.pkce != "none" else "no",
        provider.refresh_token,
        "yes" if provider.revocation_url else "no",
    ]
    return f"| {' | '.join(cells)} |"


@pytest.mark.parametrize("connector_id", DOCUMENTED)
def test_the_docs_say_what_to_know(connector_id: str) -> None:
    assert row(connector_id) in PAGE.read_text().splitlines()
