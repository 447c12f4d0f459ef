"""The suggested order of steps, on the CRM of `test_search_needs` with a chat beside it."""

import json

from hypothesis import given
from hypothesis import strategies as st
from test_search_index import CHAT as HUB
from test_search_needs import CRM, action, body, connector

from gateway.catalog.search import ActionIndex, Hit, Step, plan
from gateway.catalog.search.path import MAX_STEPS

CHAT = connector(
    action("listChannels", "GET /channels", "List channels"),
    action(
        "postMessage",
        "POST /messages",
        "Post a message",
        body=body("channelId", channelId={"type": "string"}, text={"type": "string"}),
    ),
    connector_id="chat",
)
INDEX = ActionIndex.build([CRM, CHAT])


def steps(goal: str, hidden: tuple[str, ...] = ()) -> list[Step]:
    return plan(INDEX.search(goal, permitted=lambda one: one.action_id not in hidden))


def names(path: list[Step]) -> list[str]:
    return [step["actionId"] for step in path]


def test_what_yields_the_id_comes_first_and_gives_it() -> None:
    assert steps("update a contact") == [
        {"step": 1, "connectorId": "crm", "actionId": "searchContacts", "takes": {}, "gives": {"contactId": [2]}},
        {"step": 2, "connectorId": "crm", "actionId": "updateContact", "takes": {"contactId": 1}, "gives": {}},
    ]


def test_a_step_that_the_goal_names_is_not_put_in_twice() -> None:
    assert names(steps("search contacts and update the contact")) == ["searchContacts", "updateContact"]


def test_one_answer_serves_all_that_take_from_it() -> None:
    path = steps("change a note")
    assert names(path) == ["searchContacts", "listNotes", "updateNote"]
    assert path[0]["gives"] == {"contactId": [2, 3]}
    assert path[2]["takes"] == {"contactId": 1, "noteId": 2}


def test_what_was_just_made_is_not_searched_for() -> None:
    path = steps("create a contact, then add a note to the contact")
    assert names(path) == ["createContact", "createNote"]
    assert path[1]["takes"] == {"contactId": 1}


def test_the_clauses_keep_their_order_across_platforms() -> None:
    path = steps("post a message in the channel, then create a deal")
    assert names(path) == ["listChannels", "postMessage", "listPipelines", "createDeal"]
    assert [step["connectorId"] for step in path] == ["chat", "chat", "crm", "crm"]


def hit(name: str, *clauses: float, connector_id: str = "crm") -> Hit:
    return Hit(action=action(name, "GET /x", connector_id=connector_id), score=1.0, why="", clauses=clauses)


def test_a_clause_that_names_no_platform_goes_on_with_the_one_before() -> None:
    hits = [hit("find", 1.0, 0.0), hit("order", 0.0, 0.5, connector_id="shop"), hit("contact", 0.0, 0.4)]
    assert names(plan(hits)) == ["find", "contact"]
    assert names(plan([hits[0], hit("order", 0.0, 0.7, connector_id="shop"), hits[2]])) == ["find", "order"]


def test_a_clause_that_names_a_platform_is_about_that_one() -> None:
    team = connector(*CRM.actions.values(), action("createTeam", "POST /teams", "Create a team"))
    hits = ActionIndex.build([team, HUB]).search("create a contact, then tell the team in ChatHub")
    assert names(plan(hits)) == ["createContact", "postMessage"]


def test_a_clause_that_nothing_fits_is_no_step() -> None:
    assert names(plan([hit("update", 1.0, 0.0), hit("other", 0.5, 0.1)])) == ["update"]
    assert names(plan([hit("update", 1.0, 0.0), hit("other", 0.5, 0.3)])) == ["update", "other"]


def test_where_no_clause_is_fitted_well_the_first_hit_is_the_plan() -> None:
    assert names(plan([hit("update", 0.1), hit("other", 0.1)])) == ["update"]


def test_what_the_caller_may_not_use_is_in_no_step() -> None:
    assert names(steps("update a contact", ("searchContacts",))) == ["listContacts", "updateContact"]
    assert names(steps("update a contact", ("searchContacts", "listContacts"))) == ["updateContact"]


def test_no_hits_no_steps() -> None:
    assert plan([]) == []


def test_a_plan_has_an_end() -> None:
    things = [chr(ord("a") + number) * 4 for number in range(12)]
    pairs = [
        (
            action(f"list{thing.title()}", f"GET /{thing}"),
            action(
                f"send{thing.title()}", "POST /send", f"Send {thing}", body=body(f"{thing}Id", **{f"{thing}Id": {}})
            ),
        )
        for thing in things
    ]
    hits = ActionIndex.build([connector(*(one for pair in pairs for one in pair))]).search(
        ", ".join(f"send {thing}" for thing in things), limit=50
    )
    assert len(plan(hits[:6])) < MAX_STEPS
    assert len(plan(hits)) == MAX_STEPS


WORDS = sorted(
    {"contact", "note", "deal", "message", "channel", "update", "create", "delete", "search", "and", ",", "."}
)


@given(st.lists(st.sampled_from(WORDS), max_size=30).map(" ".join), st.frozensets(st.sampled_from(sorted(CRM.actions))))
def test_every_argument_comes_from_an_earlier_step_that_is_permitted(goal: str, hidden: frozenset[str]) -> None:
    path = steps(goal, tuple(hidden))
    assert json.loads(json.dumps(path)) == path
    assert [step["step"] for step in path] == list(range(1, len(path) + 1))
    assert len({(step["connectorId"], step["actionId"]) for step in path}) == len(path)
    assert hidden.isdisjoint(names(path))
    for step in path:
        for parameter, source in step["takes"].items():
            assert source < step["step"]
            assert step["step"] in path[source - 1]["gives"][parameter]
        for parameter, takers in step["gives"].items():
            assert all(path[taker - 1]["takes"][parameter] == step["step"] for taker in takers)
