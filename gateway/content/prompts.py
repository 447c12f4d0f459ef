"""The prompts of a server: what a person may ask for by name, each made from what is true for them at that moment."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from gateway.access.policy import READ_ONLY
from gateway.content import wording
from gateway.content.pages import page_of
from gateway.content.published import find_prompt, make_prompt, prompt_definition, prompts_of
from gateway.content.standing import in_words, policy_of
from gateway.credentials.requirements import requirements
from gateway.errors import InvalidRequest, NotFound
from gateway.tools import direct
from gateway.tools.discovery import discover_action_path
from gateway.tools.pages import DEFAULT_LIMIT
from gateway.tools.visit import Visit
from gateway.validation import Validator, check, compile_schema

_Messages = list[dict[str, Any]]


@dataclass(frozen=True)
class Argument:
    """One argument of a prompt. `completes` says what its values are, where there are values to propose."""

    name: str
    description: str
    required: bool = False
    completes: Literal["connector", "action"] | None = None
    longest: int = 200


@dataclass(frozen=True)
class Prompt:
    """One prompt: what is said of it, and what makes its messages."""

    name: str
    title: str
    description: str
    arguments: tuple[Argument, ...]
    make: Callable[[Visit, Mapping[str, str]], Awaitable[_Messages]]

    @cached_property
    def definition(self) -> dict[str, Any]:
        """The MCP Prompt."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "arguments": [
                {"name": one.name, "description": one.description, "required": one.required} for one in self.arguments
            ],
        }

    @cached_property
    def validator(self) -> Validator:
        arguments = {
            "type": "object",
            "additionalProperties": False,
            "required": [one.name for one in self.arguments if one.required],
            "properties": {
                one.name: {"type": "string", "minLength": int(one.required), "maxLength": one.longest}
                for one in self.arguments
            },
        }
        return compile_schema({"type": "object", "properties": {"arguments": arguments}})


class UnknownPrompt(NotFound):
    """There is no prompt of this name."""

    def __init__(self, name: str) -> None:
        super().__init__("Unknown prompt", details={"name": name[:128]})


async def list_prompts(visit: Visit, cursor: str | None = None, limit: int = DEFAULT_LIMIT) -> dict[str, Any]:
    """`{"prompts": [MCP Prompt], "nextCursor"?}`: ours, then those of the connectors that the caller may use.

    Raises InvalidRequest for a cursor that was not given out.
    """
    published = sorted((await prompts_of(visit, PROMPTS)).items())
    entries = _DEFINITIONS | {f"1{name}": prompt_definition(*found, name) for name, found in published}
    return page_of("prompts", entries, cursor, limit)


async def get_prompt(visit: Visit, name: str, arguments: Any) -> dict[str, Any]:
    """`{"description", "messages": [{"role", "content": MCP ContentBlock}]}`.

    Raises UnknownPrompt; InvalidRequest, which names the argument that is missing, unknown or no string; Forbidden for
    a connector or action that is denied.
    """
    prompt = PROMPTS.get(name)
    if prompt is None:
        found = await find_prompt(visit, name, PROMPTS)
        if found is None:
            raise UnknownPrompt(name)
        return await make_prompt(visit, *found, arguments)
    check(prompt.validator, {"arguments": arguments}, "arguments")
    # A form that was left empty is sent as "" by some clients.
    given = {argument: value for argument, value in arguments.items() if value}
    return {"description": prompt.description, "messages": await prompt.make(visit, given)}


async def _start(visit: Visit, _: Mapping[str, str]) -> _Messages:
    standing = await policy_of(visit)
    lines = ["Help me to work with my platforms through this server.", *wording.start(_is_direct(visit))]
    return [wording.message(*lines, "", "What I may do here:", in_words(standing).rstrip())]


async def _connect(visit: Visit, arguments: Mapping[str, str]) -> _Messages:
    connector = await visit.connector(arguments["connector"])
    caller = visit.caller
    ways = requirements(connector, await visit.gate.auth_configs.list(caller.account_id, connector.connector_id))
    stored = await visit.gate.credentials.list(caller.account_id, caller.user_id, connector.connector_id)
    lines = wording.connect(
        connector.connector_id,
        visit.gate.settings.public_url,
        needed=bool(connector.authentication),
        offered=bool(ways),
        stored=len(stored),
        direct=_is_direct(visit),
    )
    return [
        wording.message(*lines),
        *([wording.data("The ways to authenticate, and the fields of each.", {"metadata": ways})] if ways else []),
    ]


async def _find(visit: Visit, arguments: Mapping[str, str]) -> _Messages:
    goal = arguments["goal"]
    found = await discover_action_path(visit, {"goal": goal})
    actions = found["actions"]
    if _is_direct(visit):
        offered = (await direct.offer(visit)).actions
        names = {(connector.connector_id, action.action_id): name for name, (connector, action) in offered.items()}
        for action in actions:
            action["tool"] = names.get((action["connectorId"], action["actionId"]))
    lines = wording.find(goal, len(actions), _is_direct(visit))
    shown = {"actions": actions, "path": found["path"]}
    return [wording.message(*lines), *([wording.data("The actions that were found.", shown)] if actions else [])]


async def _explain(visit: Visit, arguments: Mapping[str, str]) -> _Messages:
    connector_id, action_id = arguments.get("connector"), arguments.get("action")
    if connector_id is None:
        if action_id is not None:
            raise InvalidRequest.of(
                "arguments.connector", "required", "arguments.connector is required where arguments.action is given"
            )
        said = in_words(await policy_of(visit)).rstrip()
        return [wording.message("Explain to me what I may do at this server, and what not:", said)]
    asked = f"connector {wording.quoted(connector_id)}"
    if action_id is not None:
        asked = f"action {wording.quoted(action_id)} of the {asked}"
    decision, connector, action = await visit.look(connector_id, action_id)
    if not decision:
        said = f"It is refused: {decision.reason} (rule: {decision.rule})."
        path = "/safety" if decision is READ_ONLY else ""
        why = f"The server's owner decides that; only they can change it, with `PUT /api/servers/{{serverId}}{path}`."
        return [
            wording.message(f"Explain to me why I may not use the {asked}.", said, why, "Propose no way around it.")
        ]
    said = "The server's restrictions allow it to me."
    if connector is None or (action_id is not None and action is None):
        missing = "action" if connector else "connector"
        said = f"The restrictions do not refuse it, but there is no such {missing}; ids are case-sensitive."
    elif connector.authentication:
        caller = visit.caller
        stored = await visit.gate.credentials.list(caller.account_id, caller.user_id, connector.connector_id)
        usable = [credential for credential in stored if not credential.get("suspended")]
        if not usable:
            said += " What is missing is a credential of mine that can be used: see the prompt `connect-a-platform`."
        else:
            said += " I have a credential for it, so that a refusal comes from the platform: see what it answered."
    return [wording.message(f"Explain to me what keeps me from using the {asked}.", said)]


def _is_direct(visit: Visit) -> bool:
    return visit.server.mode == "direct"


_CONNECTOR = "The connector's id, for example slack"
_ALL = (
    Prompt(
        "connect-a-platform",
        "Connect a platform",
        "How to store your credential for one platform: what it asks for, step by step",
        (Argument("connector", _CONNECTOR, required=True, completes="connector"),),
        _connect,
    ),
    Prompt(
        "explain-denial",
        "Explain a refusal",
        "Why a connector or an action is refused to you, by which rule, and who can change that",
        (
            Argument("connector", f"{_CONNECTOR}; without it, all of this server is explained", completes="connector"),
            Argument("action", "The action's id, together with its connector", completes="action"),
        ),
        _explain,
    ),
    Prompt(
        "find-actions",
        "Find actions for a goal",
        "Which actions reach a goal, what each needs, and in which order",
        (Argument("goal", "What is to be achieved, in plain words", required=True, longest=2000),),
        _find,
    ),
    Prompt(
        "start",
        "Start here",
        "How to work through this server: what you may use, and how an action is found and executed",
        (),
        _start,
    ),
)
PROMPTS: Mapping[str, Prompt] = {prompt.name: prompt for prompt in _ALL}
# Keys that sort: ours before those of connectors, which begin with 1.
_DEFINITIONS = {f"0{name}": prompt.definition for name, prompt in sorted(PROMPTS.items())}
