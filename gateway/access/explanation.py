"""Why somebody may, or may not: the decision of gateway.access.policy in words for the server's owner."""

from dataclasses import dataclass

from gateway.access.policy import Policy, decide, why_allowed
from gateway.catalog.model import Connector
from gateway.errors import InvalidRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """`reason` is what a caller is told; `rule` says which list or mode decided."""

    allowed: bool
    reason: str
    rule: str
    # The action's id in the catalogue where it has one; as it was asked for where it has not.
    action_id: str | None


def explain(
    policy: Policy, connector_id: str | None, action_id: str | None, user_id: str | None, connector: Connector | None
) -> Explanation:
    """Judge by the policy alone, as every door does. `connector` is the catalogue's, None where it has none.

    Raises InvalidRequest where nothing is asked, or an action without its connector.
    """
    if connector_id is None and action_id is None and user_id is None:
        raise InvalidRequest.of("connector", "required", "connector, action or user is required")
    if action_id is not None and connector_id is None:
        raise InvalidRequest.of("connector", "required", "connector is required beside action")
    action = connector.find(action_id) if connector is not None and action_id is not None else None
    if action is not None:
        action_id = action.action_id
    alias, reads = (action.alias, action.read_only) if action is not None else (None, False)
    decision = decide(policy, connector_id, action_id, user_id, alias=alias, reads=reads)
    if decision:
        rule = why_allowed(policy, connector_id, action_id, user_id)
        return Explanation(allowed=True, reason="Allowed", rule=rule, action_id=action_id)
    return Explanation(allowed=False, reason=decision.reason, rule=decision.rule, action_id=action_id)
