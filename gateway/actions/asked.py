"""What is to be run, and the parts of the service that it takes."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from gateway.access.under_way import UnderWay
from gateway.catalog.catalog import Catalog
from gateway.catalog.model import Action, Connector
from gateway.credentials.oauth.configs import AuthConfigs
from gateway.credentials.oauth.flows import Flows
from gateway.credentials.oauth.refresh import Refresher
from gateway.credentials.store import Credentials
from gateway.execution.mcp_results import Kind
from gateway.execution.native import SILENCE, Talk
from gateway.outbound.messages import Sender
from gateway.settings import Settings
from storage.runner import Store

DEFAULT_SECONDS = 30.0
EXECUTE = "action.execute"

# Finds the connector and the action, and decides who may run them.
Find = Callable[[], Awaitable[tuple[Connector, Action]]]


class Parts(Protocol):
    """What of gateway.gate.Gate is needed here; the gate stands on the same floor."""

    @property
    def store(self) -> Store: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def catalog(self) -> Catalog: ...
    @property
    def credentials(self) -> Credentials: ...
    @property
    def outbound(self) -> Sender: ...
    @property
    def refresher(self) -> Refresher: ...
    @property
    def flows(self) -> Flows: ...
    @property
    def auth_configs(self) -> AuthConfigs: ...
    @property
    def under_way(self) -> UnderWay: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What is to be run. The ids are on record as they were asked for, until the action is found."""

    connector_id: str
    action_id: str
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    # None: the user's only credential for the connector.
    credential_id: str | None = None
    # Seconds, for everything together.
    timeout: float = DEFAULT_SECONDS
    # The MCP server through which it was asked; None over REST.
    server_id: str | None = None
    event: str = EXECUTE
    # Of an action that speaks MCP: what is asked of it, and on whose behalf.
    kind: Kind = "tool"
    talk: Talk = SILENCE
    # Returns once a destructive action may run, raises while it may not; None: nobody has to say yes.
    confirm: Callable[[Connector, Action], Awaitable[None]] | None = None
