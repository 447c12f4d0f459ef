"""What is asked over MCP: every method, tool, prompt and resource, aimed at connectors and credentials."""

from dataclasses import dataclass
from typing import Any

from support.isolation.callers import Who
from support.isolation.things import Mark, Thing
from support.isolation.wire import Answer
from support.isolation.world import World

LEGACY, MODERN = "2025-11-25", "2026-07-28"
ERAS = (LEGACY, MODERN)
# The revision that has batches.
BATCHED = "2025-03-26"


@dataclass(frozen=True)
class Message:
    """`{connector}` and `{credential}` stand for ids. `aimed`: it takes a connector."""

    method: str
    params: dict[str, Any]
    aimed: bool = False
    with_credential: bool = False
    # It stores or executes something.
    writes: bool = False
    # At servers in direct mode alone, or in the other mode alone, or (None) at both.
    direct: bool | None = None
    era: str | None = None


def _tool(name: str, *, aimed: bool = True, writes: bool = False, direct: bool = False, **more: Any) -> Message:
    arguments = {"connectorId": "{connector}", **more} if aimed else more
    with_credential = "credentialId" in more
    params = {"name": name, "arguments": arguments}
    return Message("tools/call", params, aimed or "connectors" in more, with_credential, writes, direct)


def _prompt(name: str, **arguments: str) -> Message:
    aimed = "connector" in arguments or "{connector}" in name
    return Message("prompts/get", {"name": name, "arguments": arguments}, aimed)


def _read(uri: str) -> Message:
    return Message("resources/read", {"uri": uri}, "{connector}" in uri)


def _complete(ref: dict[str, str], name: str, value: str, **filled: str) -> Message:
    params = {"ref": ref, "argument": {"name": name, "value": value}, "context": {"arguments": filled}}
    aimed = any("{connector}" in text for text in (value, *ref.values(), *filled.values()))
    return Message("completion/complete", params, aimed)


_TEMPLATE = "toolgate://connectors/{{connectorId}}"
# What the connectors of the world publish.
_PUBLISHED = "example://{connector}/teams/{{team}}"
MESSAGES = [
    Message("initialize", {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}},
            era=LEGACY),
    Message("ping", {}, era=LEGACY),
    Message("logging/setLevel", {"level": "info"}, era=LEGACY),
    Message("resources/subscribe", {"uri": "toolgate://connectors/{connector}"}, era=LEGACY),
    Message("resources/unsubscribe", {"uri": "toolgate://connectors/{connector}"}, era=LEGACY),
    Message("server/discover", {}, era=MODERN),
    *(Message(method, {}) for method in ("tools/list", "resources/list", "resources/templates/list", "prompts/list")),
    _tool("list_connectors_alloy", aimed=False, limit=100),
    _tool("get_connector_resources_alloy"),
    _tool("get_action_details_alloy", actionId="listTasks"),
    _tool("execute_action_alloy", writes=True, actionId="listTasks", parameters={}, credentialId="{credential}"),
    _tool("create_credential_alloy", writes=True, authenticationType="bearer", fields={"token": "one more"}),
    _tool("get_credentials_alloy"),
    _tool("get_credential_metadata_alloy"),
    _tool("discover_action_path_alloy", aimed=False, goal="list tasks", connectors=["{connector}"]),
    Message("tools/call", {"name": "{connector}__listTasks", "arguments": {}}, True, True, True, True),
    *(_read(f"toolgate://{rest}") for rest in ("connectors", "server/instructions", "server/policy", "activity")),
    _read("toolgate://connectors/{connector}"),
    _read("toolgate://connectors/{connector}/actions/listTasks"),
    _read("example://{connector}/handbook"),
    _read("example://{connector}/teams/x"),
    _prompt("{connector}__report", team="x"),
    _prompt("start"),
    _prompt("connect-a-platform", connector="{connector}"),
    _prompt("explain-denial"),
    _prompt("explain-denial", connector="{connector}", action="listTasks"),
    _prompt("find-actions", goal="list the tasks"),
    _complete({"type": "ref/prompt", "name": "connect-a-platform"}, "connector", ""),
    _complete({"type": "ref/prompt", "name": "connect-a-platform"}, "connector", "{connector}"),
    _complete({"type": "ref/prompt", "name": "explain-denial"}, "action", "list"),
    _complete({"type": "ref/resource", "uri": _TEMPLATE}, "connectorId", "tasks-"),
    _complete({"type": "ref/resource", "uri": _TEMPLATE + "/actions/{{actionId}}"}, "actionId", ""),
    _complete({"type": "ref/resource", "uri": _TEMPLATE + "/actions/{{actionId}}"}, "actionId", "",
              connectorId="{connector}"),
    _complete({"type": "ref/prompt", "name": "explain-denial"}, "action", "", connector="{connector}"),
    _complete({"type": "ref/prompt", "name": "{connector}__report"}, "team", ""),
    _complete({"type": "ref/resource", "uri": _PUBLISHED}, "team", ""),
]  # fmt: skip


def post(
    world: World,
    path: str,
    headers: dict[str, str],
    message: Message,
    era: str,
    connector: str = "",
    credential: str = "",
) -> Answer:
    """One message by itself, about these ids."""
    body = _body(message, connector, credential)
    params = body["params"]
    given = {**headers, "MCP-Protocol-Version": era, **_chosen(message, credential)}
    if era == MODERN:
        about = "io.modelcontextprotocol/"
        params["_meta"] = {f"{about}protocolVersion": era, f"{about}clientCapabilities": {}}
        given |= {"Mcp-Method": message.method, "Mcp-Name": params.get("name", params.get("uri", ""))}
    return world.wire.ask("POST", path, given, body)


def batch(world: World, path: str, headers: dict[str, str], members: list[tuple[Message, str, str]]) -> Answer:
    """Messages in one POST, each with the ids that it is about; the ids of requests are their numbers, from 0."""
    chosen = [_chosen(message, credential) for message, _, credential in members]
    given = {**headers, "MCP-Protocol-Version": BATCHED, **next((each for each in chosen if each), {})}
    return world.wire.ask("POST", path, given, [{**_body(*each), "id": at} for at, each in enumerate(members)])


def _body(message: Message, connector: str, credential: str) -> dict[str, Any]:
    params = _filled(message.params, {"connector": connector, "credential": credential})
    return {"jsonrpc": "2.0", "id": 0, "method": message.method, "params": params}


def _chosen(message: Message, credential: str) -> dict[str, str]:
    """The header by which tools of direct mode are given a credential."""
    return {"x-credential-id": credential} if message.with_credential and message.direct else {}


def went_well(said: Any) -> bool:
    """Whether the JSON of an answer says that it was done."""
    return "result" in said and not said["result"].get("isError")


def may_read(who: Who, server: Thing, mark: Mark) -> bool:
    """Whether a mark may stand in an answer at this server, for somebody whom it lets in."""
    thing = mark.thing
    if mark.secret or thing.account != who.account or thing.kind == "token":
        return False
    if thing.user is None:
        return thing.kind in ("connector", "config")
    return thing == server or thing.user == who.user


def _filled(value: Any, ids: dict[str, str]) -> Any:
    if isinstance(value, str):
        return value.format(**ids)
    if isinstance(value, list):
        return [_filled(each, ids) for each in value]
    if isinstance(value, dict):
        return {name: _filled(each, ids) for name, each in value.items()}
    return value
