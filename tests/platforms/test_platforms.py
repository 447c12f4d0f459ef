"""Every action of every shipped connector, from an assistant's arguments to the wire and back.

What must be on the wire is stated in `facts/`, from the platforms' documentation; the stand-in compares.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio

import spec
from gateway.catalog.actions.describing import input_schema, sample_arguments
from gateway.catalog.loader import load_shipped
from gateway.catalog.model import Action, Connector
from gateway.credentials.model import Secret
from gateway.errors import CredentialNotFound, InvalidRequest, UpstreamError
from gateway.execution.arguments import split
from gateway.execution.run import Outcome, execute
from gateway.outbound.client import OutboundClient
from gateway.outbound.guard import Guard

from .facts import Platform, Row, platform_ids, read_platform
from .files import File
from .standin import AllHere, Standin, serving

in_one_loop = pytest.mark.asyncio(loop_scope="module")
PLATFORMS = {platform_id: read_platform(platform_id) for platform_id in platform_ids()}
ROWS = [
    pytest.param(platform, row, id=f"{platform.platform_id}-{row.action_id}")
    for platform in PLATFORMS.values()
    for row in platform.rows
]
FIRST = [pytest.param(platform, platform.rows[0], id=platform.platform_id) for platform in PLATFORMS.values()]
OTHERS = [
    pytest.param(other, other.rows[0], id=f"{other.platform_id}-{other.secret_type}")
    for platform in PLATFORMS.values()
    for other in platform.others
]
ACTIONS = [
    pytest.param(connector_id, action_id, id=f"{connector_id}-{action_id}")
    for connector_id in spec.connector_names()
    for action_id in load_shipped(connector_id).actions
]
GROUPS = {"path": "pathParams", "query": "queryParameters", "header": "additionalHeaders"}


@dataclass
class World:
    """The stand-in and the product's own client, for which all platforms are at the stand-in's address."""

    standin: Standin
    client: OutboundClient

    async def run(self, platform: Platform, row: Row, arguments: Mapping[str, Any], secret: Secret | None) -> Outcome:
        connector, action = action_of(platform, row)
        self.standin.play(platform, row)
        return await execute(connector, action, arguments, secret, self.client, timeout=10.0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    standin = Standin()
    hosts = [platform.host for platform in PLATFORMS.values()]
    hosts += [row.expected.host for platform in PLATFORMS.values() for row in platform.rows if row.expected.host]
    async with serving(standin, hosts, tmp_path_factory.mktemp("standin")) as (port, tls):
        client = OutboundClient(Guard(["127.0.0.1/32"]), ssl_context=tls, resolver=AllHere(port), retries=0)
        yield World(standin, client)
        await client.close()


def action_of(platform: Platform, row: Row) -> tuple[Connector, Action]:
    connector = load_shipped(platform.platform_id)
    return connector, connector.actions[row.action_id]


def secret_of(platform: Platform, **changes: str) -> Secret:
    return Secret(platform.secret_type, {**platform.secret, **changes})


def given(answer: Any) -> Any:
    """What the assistant gets of an answer."""
    if answer is ...:
        return None
    return answer.as_value() if isinstance(answer, File) else answer


def grouped(action: Action, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The same arguments in the Connectivity API's split."""
    locations = {parameter.name: GROUPS[parameter.location] for parameter in action.parameters}
    found: dict[str, Any] = {}
    for name, value in arguments.items():
        if name == "requestBody":
            # A body that is one value, such as a file, has no names of its own.
            found[name] = value
            continue
        found.setdefault(locations.get(name, "requestBody"), {})[name] = value
    return found


@in_one_loop
@pytest.mark.parametrize(("platform", "row"), ROWS)
async def test_the_platform_gets_what_it_expects(world: World, platform: Platform, row: Row) -> None:
    outcome = await world.run(platform, row, row.arguments, secret_of(platform))
    assert world.standin.faults == []
    assert len(world.standin.requests) == 1
    assert outcome.upstream_status == row.status
    assert outcome.response_data == given(row.answer)


@in_one_loop
@pytest.mark.parametrize(("platform", "row"), ROWS)
async def test_arguments_in_groups_make_the_same_request(world: World, platform: Platform, row: Row) -> None:
    _, action = action_of(platform, row)
    outcome = await world.run(platform, row, grouped(action, row.arguments), secret_of(platform))
    assert world.standin.faults == []
    assert outcome.upstream_status == row.status


@in_one_loop
@pytest.mark.parametrize(("platform", "row"), ROWS)
async def test_nothing_is_sent_without_what_is_required(world: World, platform: Platform, row: Row) -> None:
    for missing in input_schema(*action_of(platform, row)).get("required", []):
        arguments = {name: value for name, value in row.arguments.items() if name != missing}
        with pytest.raises(InvalidRequest) as refused:
            await world.run(platform, row, arguments, secret_of(platform))
        assert missing in refused.value.message
        assert world.standin.requests == []


@in_one_loop
@pytest.mark.parametrize(("platform", "row"), FIRST)
async def test_a_refused_credential_is_told_and_not_repeated(world: World, platform: Platform, row: Row) -> None:
    name = {"bearer": "token", "apiKey": "apiKey", "basic": "password"}[platform.secret_type]
    with pytest.raises(UpstreamError) as refused:
        await world.run(platform, row, row.arguments, secret_of(platform, **{name: "another-invented-key"}))
    status, body = platform.refusal
    assert refused.value.details == {"status": status, "body": body}
    assert load_shipped(platform.platform_id).name in refused.value.message
    assert "another-invented-key" not in str(refused.value.body())
    assert len(world.standin.requests) == 1


@in_one_loop
@pytest.mark.parametrize(("platform", "row"), OTHERS)
async def test_other_kinds_of_credential_stand_where_they_must(world: World, platform: Platform, row: Row) -> None:
    outcome = await world.run(platform, row, row.arguments, secret_of(platform))
    assert world.standin.faults == []
    assert outcome.upstream_status == row.status


@in_one_loop
@pytest.mark.parametrize(("platform", "row"), FIRST)
async def test_nothing_is_sent_without_a_credential(world: World, platform: Platform, row: Row) -> None:
    with pytest.raises(CredentialNotFound):
        await world.run(platform, row, row.arguments, None)
    assert world.standin.requests == []


@in_one_loop
@pytest.mark.parametrize(
    "bad", ["evil.example/", "evil.example", "a@evil.example", "a#", "a?", "", "..", "a\n", "\uff41"]
)
@pytest.mark.parametrize(
    ("platform_id", "field"),
    [
        ("dynamics", "environment"),
        ("freshdesk", "domain"),
        ("intercom", "apiHost"),
        ("jira", "site"),
        ("salesforce", "instance"),
        ("shopify", "shopName"),
        ("zendesk", "subdomain"),
        ("zohoCRM", "region"),
    ],
)
async def test_a_field_leads_to_no_other_host(world: World, platform_id: str, field: str, bad: str) -> None:
    platform = PLATFORMS[platform_id]
    row = platform.rows[0]
    with pytest.raises(InvalidRequest) as refused:
        await world.run(platform, row, row.arguments, secret_of(platform, **{field: bad}))
    assert field in refused.value.message
    assert world.standin.requests == []


@in_one_loop
@pytest.mark.parametrize(
    ("platform_id", "action_id", "arguments"),
    [
        ("github", "getContent", {"owner": "octocat", "repo": "hello-world", "path": "../../../user"}),
        ("github", "getContent", {"owner": "octocat", "repo": "hello-world", "path": "docs/../../.."}),
        ("github", "getContent", {"owner": "octocat", "repo": "hello-world", "path": "/etc/passwd"}),
        ("github", "getContent", {"owner": "octocat", "repo": "hello-world", "path": ""}),
        ("github", "getRepository", {"owner": "octocat", "repo": ".."}),
        ("airtable", "listRecords", {"baseId": "app1", "tableIdOrName": ".."}),
        ("airtable", "getRecord", {"baseId": "app1", "tableIdOrName": "Apartments", "recordId": "../../meta/whoami"}),
        ("discord", "list_messages", {"channel_id": "1/../../users/@me"}),
        ("gitlab", "getFile", {"id": "acme/tool", "file_path": "../../../../user", "ref": "main"}),
        ("gitlab", "getProject", {"id": ".."}),
        ("jira", "getIssue", {"issueIdOrKey": "EX-1/../../myself"}),
        ("linear", "getIssue", {"id": ""}),
        ("monday", "getItems", {"ids": ["1234567890) { id } me { id }"]}),
        ("notion", "retrieve-a-page", {"page_id": ".."}),
        ("salesforce", "describeObject", {"object": "Account/../../limits"}),
        ("shopify", "getOrder", {"id": "1001"}),
        ("trello", "get-cards-id", {"id": "me/../../members/me"}),
        ("zendesk", "ShowTicket", {"ticket_id": "35436/../../users/me"}),
        ("google-drive", "downloadFile", {"fileId": ".."}),
        ("googleWorkspaceAdmin", "getOrgUnit", {"orgUnitPath": "../../users/1001"}),
        ("googlesheets", "getValues", {"spreadsheetId": "1", "range": ".."}),
        ("microsoft-graph", "uploadDriveItem", {"path": "../../messages", "requestBody": "SGk="}),
        ("microsoft-graph", "searchDriveItems", {"q": "x') or ('"}),
        ("dynamics", "getCustomer", {"company_id": "x)/users(1", "customer_id": "y"}),
        ("zohoCRM", "getRecords", {"module": "Leads/../org", "fields": ["id"]}),
        ("box", "downloadFile", {"file_id": "67890/../../users/me"}),
        ("zoom", "getMeetingSummary", {"meetingId": "../../users/me"}),
    ],
)
async def test_arguments_do_not_leave_their_place(
    world: World, platform_id: str, action_id: str, arguments: dict[str, Any]
) -> None:
    platform = PLATFORMS[platform_id]
    row = next(row for row in platform.rows if row.action_id == action_id)
    with pytest.raises(InvalidRequest):
        await world.run(platform, row, arguments, secret_of(platform))
    assert world.standin.requests == []


@in_one_loop
@pytest.mark.parametrize("where", ["token", "queryParameters", "requestBody"])
async def test_slack_takes_no_token_from_an_assistant(world: World, where: str) -> None:
    platform = PLATFORMS["slack"]
    row = next(row for row in platform.rows if row.action_id == "users_info")
    stolen = "xoxb-of-somebody-else" if where == "token" else {"token": "xoxb-of-somebody-else"}
    with pytest.raises(InvalidRequest):
        await world.run(platform, row, {**row.arguments, where: stolen}, secret_of(platform))
    assert world.standin.requests == []


@in_one_loop
@pytest.mark.parametrize("name", ["key", "token"])
async def test_trello_takes_no_credential_from_an_assistant(world: World, name: str) -> None:
    platform = PLATFORMS["trello"]
    for row in platform.rows:
        with pytest.raises(InvalidRequest):
            await world.run(platform, row, {**row.arguments, name: "of-somebody-else"}, secret_of(platform))
        assert world.standin.requests == []


@pytest.mark.parametrize(("connector_id", "action_id"), ACTIONS)
def test_the_sample_that_is_shown_can_be_sent(connector_id: str, action_id: str) -> None:
    connector = load_shipped(connector_id)
    action = connector.actions[action_id]
    split(action, connector.document, sample_arguments(connector, action))


def test_no_action_is_forgotten() -> None:
    shipped = {name: set(load_shipped(name).actions) for name in spec.connector_names()}
    assert shipped == {name: {row.action_id for row in platform.rows} for name, platform in PLATFORMS.items()}


@pytest.mark.parametrize("connector_id", spec.connector_names())
def test_ids_are_the_documents_own(connector_id: str) -> None:
    connector = load_shipped(connector_id)
    assert not connector.aliases
    assert all(action.documentation for action in connector.actions.values())
    assert all(action.description != action.title for action in connector.actions.values())
