"""The policy against hand-worked examples, and against an oracle that reads the rule aloud."""

from itertools import product
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.access.policy import UNRESTRICTED, Allowed, Denied, compile_policy, decide, permits_user_by_name
from gateway.errors import InvalidRequest

LISTS = {
    "users": ("allowedIds", "blockedIds"),
    "connectors": ("allowedIds", "blockedIds"),
    "actions": ("allowedActions", "blockedActions"),
}
ABSENT = object()

# What each shape of a section says about "slack" and about "notion".
TABLE: list[tuple[Any, bool, bool]] = [
    (None, True, True),
    ({}, True, True),
    ({"mode": "blocklist"}, True, True),
    ({"allowedIds": [], "blockedIds": []}, True, True),
    ({"mode": "blocklist", "allowedIds": [], "blockedIds": []}, True, True),
    ({"mode": "allowlist"}, False, False),
    ({"mode": "allowlist", "allowedIds": []}, False, False),
    ({"mode": "allowlist", "blockedIds": ["notion"]}, False, False),
    ({"mode": "allowlist", "allowedIds": ["slack"]}, True, False),
    ({"mode": "allowlist", "allowedIds": ["slack", "notion"], "blockedIds": ["notion"]}, True, False),
    ({"mode": "allowlist", "allowedIds": ["slack"], "blockedIds": ["slack"]}, False, False),
    ({"mode": "blocklist", "blockedIds": ["notion"]}, True, False),
    ({"blockedIds": ["notion"]}, True, False),
    # A non-empty allowed list limits whatever the mode says.
    ({"mode": "blocklist", "allowedIds": ["slack"]}, True, False),
    ({"allowedIds": ["slack"]}, True, False),
    ({"mode": "blocklist", "allowedIds": ["slack", "notion"], "blockedIds": ["slack"]}, False, True),
    # Ids are compared as they stand.
    ({"allowedIds": ["Slack"]}, False, False),
]


@pytest.mark.parametrize(("section", "slack", "notion"), TABLE)
@pytest.mark.parametrize("name", ["users", "connectors", "actions"])
def test_worked_examples(name: str, section: Any, slack: bool, notion: bool) -> None:
    if name == "actions" and section:
        section = {key.replace("Ids", "Actions"): value for key, value in section.items()}
    policy = compile_policy({name: section})
    for asked, expected in (("slack", slack), ("notion", notion)):
        question = {"connector": "any", "action": asked} if name == "actions" else {name[:-1]: asked}
        assert bool(decide(policy, **question)) is expected
    assert policy.restricts_anything is not (slack and notion)


@pytest.mark.parametrize(
    "restrictions", [None, {}, {"connectors": None, "actions": {}, "users": {"mode": "blocklist"}}]
)
def test_nothing_is_restricted(restrictions: Any) -> None:
    policy = compile_policy(restrictions)
    assert policy == UNRESTRICTED
    assert not policy.restricts_anything
    assert isinstance(decide(policy, "slack", "users_list", "ann", alias="users.list"), Allowed)


@pytest.mark.parametrize(
    ("section", "rule"),
    [
        ({"blockedActions": ["post"], "allowedActions": ["post"]}, "listed in actions.blockedActions"),
        ({"allowedActions": ["get"]}, "not listed in actions.allowedActions"),
        ({"mode": "allowlist"}, "actions.mode is allowlist and actions.allowedActions is empty"),
    ],
)
def test_a_refusal_says_why(section: Any, rule: str) -> None:
    decision = decide(compile_policy({"actions": section}), "slack", "post")
    assert decision == Denied("Action not allowed", rule)
    assert isinstance(decision, Denied)
    assert decision.code == "FORBIDDEN"


def test_the_user_is_judged_before_the_connector_before_the_action() -> None:
    everything = {
        "users": {"blockedIds": ["u"]},
        "connectors": {"blockedIds": ["c"]},
        "actions": {"blockedActions": ["a"]},
    }
    reasons = []
    for name in ("users", "connectors", "actions"):
        decision = decide(compile_policy(everything), "c", "a", "u")
        assert isinstance(decision, Denied)
        reasons.append(decision.reason)
        del everything[name]
    assert reasons == ["User not allowed", "Connector not allowed", "Action not allowed"]


def test_a_refusal_reads_the_same_whatever_was_asked_for() -> None:
    policy = compile_policy({"connectors": {"allowedIds": ["slack"]}, "actions": {"allowedActions": ["post"]}})
    assert decide(policy, "hubspot") == decide(policy, "no-such-connector")
    assert decide(policy, "slack", "users_list") == decide(policy, "slack", "no-such-action")


def test_an_allowed_action_of_a_refused_connector_is_refused() -> None:
    policy = compile_policy({"connectors": {"blockedIds": ["slack"]}, "actions": {"allowedActions": ["slack:post"]}})
    assert decide(policy, "slack", "post") == Denied("Connector not allowed", "listed in connectors.blockedIds")


def test_half_a_question_is_not_answered() -> None:
    for policy in (UNRESTRICTED, compile_policy({"users": {"blockedIds": ["u"]}})):
        with pytest.raises(ValueError, match="together with its connector"):
            decide(policy, action="post", user="u")


@pytest.mark.parametrize("spelling", ["repos_list", "gh:repos_list", "repos/list", "gh:repos/list"])
def test_each_spelling_of_an_action_counts(spelling: str) -> None:
    block = compile_policy({"actions": {"blockedActions": [spelling]}})
    allow = compile_policy({"actions": {"allowedActions": [spelling]}})
    assert not decide(block, "gh", "repos_list", alias="repos/list")
    assert decide(block, "gh", "repos_get", alias="repos/get")
    assert decide(allow, "gh", "repos_list", alias="repos/list")
    assert not decide(allow, "gh", "repos_get", alias="repos/get")
    # A qualified spelling is about one connector, a bare one about all.
    bare = ":" not in spelling
    assert bool(decide(block, "gitea", "repos_list", alias="repos/list")) is not bare
    assert bool(decide(allow, "gitea", "repos_list", alias="repos/list")) is bare


def test_a_block_on_one_spelling_beats_an_allow_on_another() -> None:
    policy = compile_policy({"actions": {"allowedActions": ["repos_list"], "blockedActions": ["gh:repos/list"]}})
    assert not decide(policy, "gh", "repos_list", alias="repos/list")
    assert decide(policy, "gitea", "repos_list", alias="repos/list")


@pytest.mark.parametrize(
    ("users", "named"),
    [
        (None, False),
        ({}, False),
        ({"mode": "blocklist"}, False),
        ({"mode": "blocklist", "blockedIds": ["bob"]}, False),
        ({"mode": "allowlist"}, False),
        ({"allowedIds": ["bob"]}, False),
        ({"allowedIds": ["ann"]}, True),
        ({"mode": "blocklist", "allowedIds": ["ann"]}, True),
        ({"allowedIds": ["ann"], "blockedIds": ["ann"]}, False),
    ],
)
def test_permitted_by_name(users: Any, named: bool) -> None:
    assert permits_user_by_name(compile_policy({"users": users}), "ann") is named


@pytest.mark.parametrize(
    ("restrictions", "field"),
    [
        ({"connectors": {"mode": "Allowlist"}}, "restrictions.connectors.mode"),
        ({"connectors": {"mode": ["allowlist"]}}, "restrictions.connectors.mode"),
        ({"connectors": {"allowedIds": "slack"}}, "restrictions.connectors.allowedIds"),
        ({"users": {"blockedIds": [1]}}, "restrictions.users.blockedIds"),
        ({"actions": {"blockedActions": {"post": True}}}, "restrictions.actions.blockedActions"),
        ({"actions": ["post"]}, "restrictions.actions"),
        ([], "restrictions"),
    ],
)
def test_what_the_schema_does_not_admit_restricts_rather_than_passes(restrictions: Any, field: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        compile_policy(restrictions)
    assert caught.value.details["field"] == field


# --- the oracle: the rule of the contract, word for word, on the JSON as it stands

CONNECTORS, ACTIONS, ALIASES, USERS = ["c1", "c2"], ["a1", "a2"], ["x/1", "x/2"], ["u1", "u2"]
ACTION_ENTRIES = [*ACTIONS, *ALIASES, *(f"{c}:{a}" for c, a in product(CONNECTORS, ACTIONS + ALIASES))]


def oracle_section(name: str, section: Any, spellings: list[str]) -> bool:
    if section is None or section == {}:
        return True
    allowed_name, blocked_name = LISTS[name]
    allowed, blocked = section.get(allowed_name) or [], section.get(blocked_name) or []
    if len(allowed) > 0:
        inside = any(spelling == entry for spelling in spellings for entry in allowed)
    else:
        inside = section.get("mode") != "allowlist"
    return inside and not any(spelling == entry for spelling in spellings for entry in blocked)


def oracle(restrictions: Any, connector: Any, action: Any, user: Any, alias: Any) -> bool:
    restrictions = restrictions or {}
    questions = []
    if user is not None:
        questions.append(("users", [user]))
    if connector is not None:
        questions.append(("connectors", [connector]))
    if action is not None:
        names = [action] if alias is None else [action, alias]
        questions.append(("actions", names + [f"{connector}:{name}" for name in names]))
    return all(oracle_section(name, restrictions.get(name), spellings) for name, spellings in questions)


def sections(name: str, entries: list[str]) -> st.SearchStrategy[Any]:
    """Each schema-valid form: absent, null, or an object with any of its properties, each list possibly null."""
    ids = st.none() | st.lists(st.sampled_from(entries), max_size=4)
    allowed, blocked = LISTS[name]
    shape = st.fixed_dictionaries(
        {}, optional={"mode": st.sampled_from(["allowlist", "blocklist"]), allowed: ids, blocked: ids}
    )
    return st.just(ABSENT) | st.none() | shape


RESTRICTIONS = st.fixed_dictionaries(
    {
        "users": sections("users", USERS),
        "connectors": sections("connectors", CONNECTORS),
        "actions": sections("actions", ACTION_ENTRIES),
    }
).map(lambda whole: {name: section for name, section in whole.items() if section is not ABSENT})
QUESTIONS = [
    (connector, action, user, alias)
    for connector, user in product([None, *CONNECTORS], [None, *USERS])
    for action, alias in ([(None, None)] if connector is None else [(None, None), *product(ACTIONS, [None, *ALIASES])])
]


@given(RESTRICTIONS)
@example({"actions": {"mode": "allowlist", "allowedActions": ["c1:x/1"], "blockedActions": ["a2"]}})
def test_every_answer_is_the_oracles(restrictions: Any) -> None:
    policy = compile_policy(restrictions)
    for connector, action, user, alias in QUESTIONS:
        assert bool(decide(policy, connector, action, user, alias=alias)) is oracle(
            restrictions, connector, action, user, alias
        )


@given(RESTRICTIONS)
def test_restricts_anything_means_that_something_is_refused(restrictions: Any) -> None:
    policy = compile_policy(restrictions)
    # Beside the ids that can stand in a list, one of each kind that cannot.
    asked = [*QUESTIONS, ("c3", "a3", "u3", None)]
    refused = any(not decide(policy, connector, action, user, alias=alias) for connector, action, user, alias in asked)
    assert policy.restricts_anything is refused


@given(RESTRICTIONS, st.sampled_from(["users", "connectors", "actions"]), st.data())
def test_one_more_block_never_allows_more(restrictions: Any, name: str, data: st.DataObject) -> None:
    pool = {"users": USERS, "connectors": CONNECTORS, "actions": ACTION_ENTRIES}[name]
    blocked = LISTS[name][1]
    section = restrictions.get(name) or {}
    more = {**section, blocked: [*(section.get(blocked) or []), data.draw(st.sampled_from(pool))]}
    before, after = compile_policy(restrictions), compile_policy({**restrictions, name: more})
    for connector, action, user, alias in QUESTIONS:
        if decide(after, connector, action, user, alias=alias):
            assert decide(before, connector, action, user, alias=alias)


@given(RESTRICTIONS)
def test_an_alias_never_lifts_a_block(restrictions: Any) -> None:
    actions = restrictions.get("actions") or {}
    blocks_only = {**restrictions, "actions": {"blockedActions": actions.get("blockedActions") or []}}
    policy = compile_policy(blocks_only)
    for connector, action, user, alias in QUESTIONS:
        if decide(policy, connector, action, user, alias=alias):
            assert decide(policy, connector, action, user)


@given(RESTRICTIONS)
def test_named_users_are_allowed_users(restrictions: Any) -> None:
    policy = compile_policy(restrictions)
    for user in USERS:
        section = restrictions.get("users") or {}
        expected = user in (section.get("allowedIds") or []) and user not in (section.get("blockedIds") or [])
        assert permits_user_by_name(policy, user) is expected
        assert not expected or decide(policy, user=user)


class TestReadOnly:
    """The server's flag beside its restrictions: it takes away, and opens nothing."""

    @pytest.mark.parametrize(("reads", "allowed"), [(True, True), (False, False)])
    def test_only_what_reads(self, reads: bool, allowed: bool) -> None:
        for restrictions in (None, {}, {"actions": {"allowedActions": ["a"]}}):
            policy = compile_policy(restrictions, read_only=True)
            decision = decide(policy, "slack", "a", "jane", reads=reads)
            assert bool(decision) is allowed
            if isinstance(decision, Denied):
                assert (decision.reason, decision.rule) == ("Action not allowed", "the server is read-only")

    def test_what_nobody_knows_is_denied(self) -> None:
        assert not decide(compile_policy(None, read_only=True), "slack", "no-such-action")

    def test_connectors_and_users_are_as_ever(self) -> None:
        policy = compile_policy({"users": {"blockedIds": ["eve"]}}, read_only=True)
        assert decide(policy, "slack", user="jane")
        assert not decide(policy, "slack", user="eve")

    def test_it_is_no_restriction(self) -> None:
        assert not compile_policy(None, read_only=True).restricts_anything
        assert compile_policy({"users": {"blockedIds": ["eve"]}}, read_only=True).restricts_anything

    @given(st.data())
    def test_it_only_ever_takes_away(self, data: st.DataObject) -> None:
        ids = st.lists(st.sampled_from(["a", "slack:a", "b"]), max_size=3)
        section = data.draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "mode": st.sampled_from(["allowlist", "blocklist"]),
                    "allowedActions": ids,
                    "blockedActions": ids,
                },
            )
        )
        reads = data.draw(st.booleans())
        for action in ("a", "b", "c"):
            free = decide(compile_policy({"actions": section}), "slack", action, reads=reads)
            kept = decide(compile_policy({"actions": section}, read_only=True), "slack", action, reads=reads)
            assert bool(kept) is (bool(free) and reads)
