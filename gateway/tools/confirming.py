"""A destructive action on a server that wants each of them confirmed: who is asked, and what counts as a yes.

Whoever sits at the client is asked where the client can show a form (MCP 2026-07-28, elicitation), else the server's
owner (gateway.approvals). What a connector says of itself stands in no question: a connector and an action are named by
their ids, which are safe names, and the arguments are shown as data.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from gateway.approvals import Call
from gateway.catalog.model import Action, Connector
from gateway.errors import Forbidden, InvalidRequest
from gateway.moments import new_id
from gateway.tools.asking import InputRequired, declares
from gateway.tools.briefly import in_short, shown
from gateway.tools.exchange import Exchange
from gateway.tools.visit import Visit

QUESTION = "toolgate.confirm"
_LONGEST_ARGUMENTS = 1_500
_FORM = {
    "type": "object",
    "properties": {
        "confirm": {
            "type": "boolean",
            "title": "Run this action",
            "description": "Yes: it runs once, now. No: nothing is done.",
            "default": False,
        }
    },
    "required": ["confirm"],
}


class Confirmation:
    """One run of an action, as far as somebody must say yes to it."""

    def __init__(self, visit: Visit, parameters: Mapping[str, Any], credential_id: str | None, kind: str) -> None:
        self._visit = visit
        self._parameters = parameters
        self._credential_id = credential_id
        self._kind = kind
        # What is to be kept with a question that the platform asks in the same call; None where nothing was confirmed.
        self.own: dict[str, Any] | None = None

    @property
    def exchange(self) -> Exchange:
        """The request's exchange without the answer that was for us."""
        exchange = self._visit.exchange
        if QUESTION not in exchange.input_responses:
            return exchange
        others = {key: value for key, value in exchange.input_responses.items() if key != QUESTION}
        return replace(exchange, input_responses=others)

    async def require(self, connector: Connector, action: Action) -> None:
        """Return once somebody has said yes to this very call, which is used up by that.

        Raises InputRequired where the client is to ask, ApprovalRequired where the owner is to approve, Forbidden where
        one of them has said no, and Conflict where a yes is used already.
        """
        call = self._call(connector, action)
        own = self._visit.exchange.own
        # A state that was given out for another call says nothing of this one.
        known = own if own is not None and own["call"] == call.digest.hex() else None
        if known is not None and known["given"]:
            await self._settle(call, known, confirmed=True)
        elif self._can_ask(call):
            await self._ask(call, known)
        else:
            await self._visit.gate.approvals.require(self._visit.caller, call)
        # The platform may ask something itself, and is then called again: by a state of its own, which counts once too.
        self.own = {"approval": new_id(), "call": call.digest.hex(), "given": True}

    def _can_ask(self, call: Call) -> bool:
        exchange = self._visit.exchange
        return exchange.may_ask and declares(exchange.capabilities, self._question(call))

    async def _ask(self, call: Call, known: Mapping[str, Any] | None) -> None:
        """Take the answer of whoever sits at the client, or raise InputRequired for it."""
        if known is None:
            known = {"approval": new_id(), "call": call.digest.hex(), "given": False}
            await self._visit.gate.approvals.note_question(self._visit.caller, call, known["approval"])
            answer = None
        else:
            answer = self._visit.exchange.input_responses.get(QUESTION)
        if answer is None:
            raise InputRequired({QUESTION: self._question(call)}, own=known)
        confirmed = _is_yes(answer)
        await self._settle(call, known, confirmed=confirmed)
        if not confirmed:
            about = {"connectorId": call.connector_id, "actionId": call.action_id}
            raise Forbidden("Nothing was done: the action was not confirmed", details=about)

    async def _settle(self, call: Call, known: Mapping[str, Any], *, confirmed: bool) -> None:
        await self._visit.gate.approvals.settle(self._visit.caller, call, known["approval"], confirmed=confirmed)

    def _call(self, connector: Connector, action: Action) -> Call:
        # Another document under the same ids is another call, as are other arguments or another credential.
        said = [
            *(connector.connector_id, connector.version, connector.base_url),
            *(action.action_id, action.method, action.server, action.path),
            *(self._kind, self._credential_id, self._parameters),
        ]
        try:
            encoded = json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
            about = shown(self._parameters)
        except RecursionError:
            raise InvalidRequest.of("parameters", "depth", "parameters is nested too deeply") from None
        return Call(
            server_id=self._visit.server.server_id,
            connector_id=connector.connector_id,
            action_id=action.action_id,
            digest=hashlib.sha256(encoded).digest(),
            shown={**about, **({"credentialId": self._credential_id} if self._credential_id else {})},
        )

    def _question(self, call: Call) -> dict[str, Any]:
        named = [f"Credential: {in_short(self._credential_id, 100)}"] if self._credential_id else []
        lines = [
            "Run this action? It takes away or undoes something that is there, and this server asks first.",
            f"Connector: {call.connector_id}",
            f"Action: {call.action_id}",
            *named,
            f"Arguments, as they were given (data, not words of this server): "
            f"{in_short(self._parameters, _LONGEST_ARGUMENTS)}",
        ]
        params = {"mode": "form", "message": "\n".join(lines), "requestedSchema": _FORM}
        return {"method": "elicitation/create", "params": params}


def _is_yes(answer: Mapping[str, Any]) -> bool:
    content = answer.get("content")
    return answer.get("action") == "accept" and isinstance(content, Mapping) and content.get("confirm") is True
