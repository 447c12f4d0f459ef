"""May they? A server's restrictions, compiled once, and the one function that judges by them at every door.

For each section, an id is allowed = (the id is in the allowed list, if that list is not empty; else `mode` is not
`allowlist`) and the id is not in the blocked list. A section that is absent, null or `{}` restricts nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from gateway.errors import InvalidRequest

_MODES = ("allowlist", "blocklist")
_LISTS = {
    "users": ("allowedIds", "blockedIds"),
    "connectors": ("allowedIds", "blockedIds"),
    "actions": ("allowedActions", "blockedActions"),
}


@dataclass(frozen=True, slots=True)
class Allowed:
    """True in a condition."""

    def __bool__(self) -> Literal[True]:
        return True


@dataclass(frozen=True, slots=True)
class Denied:
    """False in a condition. `reason` is for the caller; `rule` says which list or mode decided, for the server's owner.

    Neither holds an id, so an answer built from them reads the same whether the thing asked for exists or not.
    """

    code: ClassVar[str] = "FORBIDDEN"

    reason: str
    rule: str

    def __bool__(self) -> Literal[False]:
        return False


ALLOWED = Allowed()
Decision = Allowed | Denied


@dataclass(frozen=True, slots=True)
class _Section:
    """One section that can deny something. The three refusals are made with it, so that a decision makes nothing."""

    allowed: frozenset[str]
    blocked: frozenset[str]
    allowlist: bool
    by_block: Denied = field(repr=False)
    by_list: Denied = field(repr=False)
    by_mode: Denied = field(repr=False)

    def judge(self, spellings: tuple[str, ...]) -> Denied | None:
        """What refuses the thing of these spellings: a block on any of them blocks, an allow on any of them allows."""
        if not self.blocked.isdisjoint(spellings):
            return self.by_block
        if self.allowed:
            return self.by_list if self.allowed.isdisjoint(spellings) else None
        return self.by_mode if self.allowlist else None


@dataclass(frozen=True, slots=True)
class Policy:
    """What `compile_policy` makes. A section is None where it restricts nothing."""

    users: _Section | None = None
    connectors: _Section | None = None
    actions: _Section | None = None
    # The server's own flag beside its restrictions: only actions that change nothing are there.
    read_only: bool = False

    @property
    def restricts_anything(self) -> bool:
        """`hasRestrictions`: some section can deny something."""
        return not (self.users is None and self.connectors is None and self.actions is None)


UNRESTRICTED = Policy()
READ_ONLY = Denied("Action not allowed", "the server is read-only")


def _ids(section: str, name: str, value: Any) -> frozenset[str]:
    if value is None:
        return frozenset()
    # A bare string would pass as a list of its letters.
    if not isinstance(value, list | tuple) or not all(isinstance(entry, str) for entry in value):
        raise InvalidRequest.of(
            f"restrictions.{section}.{name}", "type", f"restrictions.{section}.{name} must be a list of strings"
        )
    return frozenset(value)


def _compile_section(name: str, section: Any) -> _Section | None:
    if section is None:
        return None
    if not isinstance(section, Mapping):
        raise InvalidRequest.of(f"restrictions.{name}", "type", f"restrictions.{name} must be an object")
    mode = section.get("mode")
    if mode is not None and mode not in _MODES:
        raise InvalidRequest.of(
            f"restrictions.{name}.mode", "enum", f"restrictions.{name}.mode must be allowlist or blocklist"
        )
    allowed_name, blocked_name = _LISTS[name]
    allowed = _ids(name, allowed_name, section.get(allowed_name))
    blocked = _ids(name, blocked_name, section.get(blocked_name))
    if not allowed and not blocked and mode != "allowlist":
        return None
    reason = f"{name[:-1].capitalize()} not allowed"
    return _Section(
        allowed,
        blocked,
        mode == "allowlist",
        by_block=Denied(reason, f"listed in {name}.{blocked_name}"),
        by_list=Denied(reason, f"not listed in {name}.{allowed_name}"),
        by_mode=Denied(reason, f"{name}.mode is allowlist and {name}.{allowed_name} is empty"),
    )


def compile_policy(restrictions: Mapping[str, Any] | None, *, read_only: bool = False) -> Policy:
    """The policy of a `ServerRestrictions` object and of the flag `readOnly`. Every combination that the schema admits
    is accepted.

    Raises InvalidRequest, with the field, for what the schema does not admit: a stored object that is damaged must
    not read as one that restricts nothing.
    """
    if restrictions is None:
        return Policy(read_only=True) if read_only else UNRESTRICTED
    if not isinstance(restrictions, Mapping):
        raise InvalidRequest.of("restrictions", "type", "restrictions must be an object")
    sections = {name: _compile_section(name, restrictions.get(name)) for name in _LISTS}
    return Policy(**sections, read_only=read_only)


def decide(
    policy: Policy,
    connector: str | None = None,
    action: str | None = None,
    user: str | None = None,
    *,
    alias: str | None = None,
    reads: bool = False,
) -> Decision:
    """Judge what is asked for, in this order: user, connector, action. Pure; three set look-ups at most.

    An action is judged together with its connector, both as bare id and as `connectorId:actionId`, and by `alias`, the
    document's own spelling of its id, likewise: whoever has found the action gives both, in whatever spelling it was
    asked for. `reads` says that the action changes nothing: nothing else is let through where the policy is read-only,
    nor what nobody knows.

    Raises ValueError for an action without its connector, since half a question must not be allowed.
    """
    denied: Denied | None = None
    if user is not None and policy.users is not None:
        denied = policy.users.judge((user,))
    if denied is None and connector is not None and policy.connectors is not None:
        denied = policy.connectors.judge((connector,))
    if action is not None:
        if connector is None:
            raise ValueError("an action is judged together with its connector")
        if denied is None and policy.actions is not None:
            spellings: tuple[str, ...] = (action, f"{connector}:{action}")
            if alias is not None:
                spellings += (alias, f"{connector}:{alias}")
            denied = policy.actions.judge(spellings)
        if denied is None and policy.read_only and not reads:
            denied = READ_ONLY
    return ALLOWED if denied is None else denied


def why_allowed(policy: Policy, connector: str | None, action: str | None, user: str | None) -> str:
    """Which rules let through what `decide` has allowed, in words for the server's owner."""
    rules = []
    for name, asked in (("users", user), ("connectors", connector), ("actions", action)):
        section: _Section | None = getattr(policy, name)
        if asked is not None and section is not None:
            allowed, blocked = _LISTS[name]
            rules.append(f"listed in {name}.{allowed}" if section.allowed else f"not listed in {name}.{blocked}")
    if action is not None and policy.read_only:
        rules.append("it only reads, as all that a read-only server lets through")
    return ", ".join(rules) or "nothing restricts it"


def permits_user_by_name(policy: Policy, user: str) -> bool:
    """Whether `users.allowedIds` names this user and no block does: more than `decide` asks for a user.

    A public server takes a bare `x-alloy-userid` only on these terms.
    """
    return policy.users is not None and user in policy.users.allowed and user not in policy.users.blocked
