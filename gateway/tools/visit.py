"""One caller at one server: what every tool is given, and the judgement that every tool asks for first."""

from dataclasses import dataclass

from gateway.access.caller import Caller
from gateway.access.policy import Decision, decide
from gateway.catalog.model import Action, Connector
from gateway.errors import ActionNotFound, ConnectorNotFound, Forbidden
from gateway.gate import Gate
from gateway.servers import Server
from gateway.tools.exchange import SILENT, Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Whoever calls, the server they call, and what the request's headers add."""

    gate: Gate
    caller: Caller
    server: Server
    # `x-credential-id`
    credential_id: str | None = None
    # `x-redirect-uri`
    redirect_uri: str | None = None
    exchange: Exchange = SILENT

    def during(self, exchange: Exchange) -> "Visit":
        """The same visit, for one request of it. Twice as fast as dataclasses.replace."""
        return Visit(
            gate=self.gate,
            caller=self.caller,
            server=self.server,
            credential_id=self.credential_id,
            redirect_uri=self.redirect_uri,
            exchange=exchange,
        )

    def permits(self, connector: Connector, action: Action | None = None) -> bool:
        """Whether this caller may see and use the connector, or the action of it."""
        if action is None:
            return bool(decide(self.server.policy, connector.connector_id, user=self.caller.user_id))
        return bool(
            decide(
                self.server.policy,
                connector.connector_id,
                action.action_id,
                self.caller.user_id,
                alias=action.alias,
                reads=action.read_only,
            )
        )

    async def look(
        self, connector_id: str, action_id: str | None = None
    ) -> tuple[Decision, Connector | None, Action | None]:
        """The judgement on a connector, or on an action of it, and what there is of them.

        The policy is asked before the catalogue, so that what is denied reads the same whether it exists or not. An
        action is judged by its id and by its document's own spelling; one that does not exist, by what was asked for.
        """
        policy, user = self.server.policy, self.caller.user_id
        decision = decide(policy, connector_id, user=user)
        if not decision:
            return decision, None, None
        connector = await self.gate.catalog.get(self.caller.account_id, connector_id)
        if connector is None or action_id is None:
            return decision, connector, None
        action = connector.find(action_id)
        if action is None:
            return decide(policy, connector_id, action_id, user), connector, None
        decision = decide(policy, connector_id, action.action_id, user, alias=action.alias, reads=action.read_only)
        return decision, connector, action

    async def connector(self, connector_id: str) -> Connector:
        """The connector, if it may be used here. Raises Forbidden ("Connector not allowed") or ConnectorNotFound."""
        decision, connector, _ = await self.look(connector_id)
        details = {"connectorId": connector_id[:64]}
        if not decision:
            raise Forbidden(decision.reason, details=details)
        if connector is None:
            raise ConnectorNotFound("Connector not found", details=details)
        return connector

    async def action(self, connector_id: str, action_id: str) -> tuple[Connector, Action]:
        """The connector and its action, if both may be used here.

        Raises as `connector` does, and Forbidden ("Action not allowed") or ActionNotFound.
        """
        decision, connector, action = await self.look(connector_id, action_id)
        details = {"connectorId": connector_id[:64]}
        if connector is not None:
            details["actionId"] = action_id[:200]
        if not decision:
            raise Forbidden(decision.reason, details=details)
        if connector is None:
            raise ConnectorNotFound("Connector not found", details=details)
        if action is None:
            raise ActionNotFound("Action not found", details=details)
        return connector, action

    def require_permitted_user(self) -> None:
        """Raise Forbidden ("User not allowed") for a user whom the restrictions leave out, whatever is asked."""
        decision = decide(self.server.policy, user=self.caller.user_id)
        if not decision:
            raise Forbidden(decision.reason)

    def require_known_user(self) -> None:
        """Raise Forbidden where `x-alloy-userid` named nobody known: such a request only reads."""
        if not self.caller.known:
            raise Forbidden("x-alloy-userid names no known user; to store or execute anything it must")
