"""How a caller stands at a server: what its restrictions mean for them, and what they have done here."""

from typing import Any

from gateway.catalog.model import Connector
from gateway.content.uris import connector_uri
from gateway.tools.visit import Visit
from storage import audit

_MOST_SHOWN = 50
# Rows that the policy hides are passed over; so many are asked for, that enough are left.
_MOST_READ = 1_000


async def permitted_connectors(visit: Visit) -> list[Connector]:
    """The connectors that this caller may use here, by id."""
    return [
        connector for connector in await visit.gate.catalog.all(visit.caller.account_id) if visit.permits(connector)
    ]


async def policy_of(visit: Visit) -> dict[str, Any]:
    """What the restrictions and the server's flags mean for this caller.

    `{"restricted", "users": {"restricted"}, "connectors": {"restricted", "allowed": [{"id", "uri"}]},
    "actions": {"restricted"}, "readOnly", "confirmDestructive"}`. Neither an id nor a number tells of what is denied.
    """
    policy = visit.server.policy
    return {
        "restricted": policy.restricts_anything,
        "users": {"restricted": policy.users is not None},
        "connectors": {
            "restricted": policy.connectors is not None,
            "allowed": [
                {"id": connector.connector_id, "uri": connector_uri(connector.connector_id)}
                for connector in await permitted_connectors(visit)
            ],
        },
        "actions": {"restricted": policy.actions is not None},
        "readOnly": policy.read_only,
        "confirmDestructive": visit.server.confirm_destructive,
    }


def in_words(standing: dict[str, Any]) -> str:
    """The sentences of what `policy_of` answers, as Markdown."""
    allowed = ", ".join(f"`{connector['id']}`" for connector in standing["connectors"]["allowed"])
    sentences = [
        "The restrictions leave some users out; you are not one of them."
        if standing["users"]["restricted"]
        else "The restrictions leave no user out.",
    ]
    if not allowed:
        sentences.append("You may use no connector here.")
    elif standing["connectors"]["restricted"]:
        sentences.append(f"You may use these connectors and no others: {allowed}.")
    else:
        sentences.append(f"You may use every connector there is: {allowed}.")
    if standing["actions"]["restricted"]:
        sentences.append("Of their actions you may use those that are listed; the others are refused.")
    elif allowed and not standing["readOnly"]:
        sentences.append("You may use every action of theirs.")
    if standing["readOnly"]:
        sentences.append("This server is read-only: actions that change something are not there, and are refused.")
    elif standing["confirmDestructive"]:
        sentences.append(
            "An action that takes away or undoes something runs only after somebody has said yes: you, where your "
            "client can ask you, else the server's owner."
        )
    if standing["restricted"]:
        sentences.append("What is refused here, only the server's owner can open, by changing its restrictions.")
    return "\n".join(f"- {sentence}" for sentence in sentences) + "\n"


async def activity_of(visit: Visit) -> dict[str, Any]:
    """The caller's own newest executions at this server, those that concern what is denied now left out.

    `{"activity": [{"at", "connectorId", "actionId", "outcome", "upstreamStatus"?, "durationMs"}], "count"}`.
    """
    of_caller = {
        "server_id_": visit.server.server_id,
        "account_id_": visit.caller.account_id,
        "user_id_": visit.caller.user_id,
        "limit_": _MOST_READ,
    }
    shown: list[dict[str, Any]] = []
    for row in await visit.gate.store.all(audit.OWN_ACTIONS, of_caller):
        decision, _, _ = await visit.look(row.connector_id, row.action_id)
        if not decision:
            continue
        shown.append(
            {
                "at": row.at,
                "connectorId": row.connector_id,
                "actionId": row.action_id,
                "outcome": row.outcome,
                **({} if row.upstream_status is None else {"upstreamStatus": row.upstream_status}),
                "durationMs": row.duration_ms,
            }
        )
        if len(shown) == _MOST_SHOWN:
            break
    return {"activity": shown, "count": len(shown)}
