"""What holds for every goal, filter and permission."""

from hypothesis import given, settings
from hypothesis import strategies as st
from test_search_index import CHAT, INDEX, SHOP
from test_search_needs import CRM

from gateway.catalog.model import Action
from gateway.catalog.search import ActionIndex, Hit, Need, plan
from gateway.catalog.search.words import spelled

CONNECTORS = {one.connector_id: one for one in (CRM, CHAT, SHOP)}
KEYS = sorted((one.connector_id, name) for one in CONNECTORS.values() for name in one.actions)
BACKWARDS = ActionIndex.build(reversed(CONNECTORS.values()))

VOCABULARY = """the and then , . ! find show create update delete tell crm ChatHub shop contact contacts note deal order
    refund message channel pipeline"""
_words = st.sampled_from(VOCABULARY.split())
goals = st.one_of(st.lists(_words, max_size=25).map(" ".join), st.text(st.characters(), max_size=200))
limits = st.integers(min_value=-1, max_value=60)
refusals = st.frozensets(st.sampled_from(KEYS))
selections = st.none() | st.frozensets(st.sampled_from([*CONNECTORS, "nobody"]))


def key(one: Action) -> tuple[str, str]:
    return one.connector_id, one.action_id


def named(hit: Hit) -> set[tuple[str, str]]:
    """Every action that a hit tells of."""

    def of(needs: tuple[Need, ...]) -> set[str]:
        return {name for need in needs for name in (*need.producers, *need.creators, *of(need.before))}

    return {key(hit.action)} | {(hit.action.connector_id, name) for name in of(hit.needs)}


@given(goals, limits, refusals, selections)
def test_filters_never_leak_and_the_limit_is_kept(
    goal: str, limit: int, refused: frozenset[tuple[str, str]], chosen: frozenset[str] | None
) -> None:
    hits = INDEX.search(goal, limit=limit, permitted=lambda one: key(one) not in refused, connectors=chosen)
    assert len(hits) <= max(limit, 0)
    assert len({key(hit.action) for hit in hits}) == len(hits)
    told = {one for hit in hits for one in named(hit)}
    told |= {(step["connectorId"], step["actionId"]) for step in plan(hits)}
    assert told.isdisjoint(refused)
    assert told <= set(KEYS)
    assert chosen is None or {connector for connector, _ in told} <= chosen


@given(goals, limits)
def test_the_same_goal_finds_the_same_in_the_same_order(goal: str, limit: int) -> None:
    assert INDEX.search(goal, limit=limit) == BACKWARDS.search(goal, limit=limit)


@given(goals)
def test_a_shorter_list_is_the_beginning_of_a_longer_one(goal: str) -> None:
    whole = INDEX.search(goal, limit=60)
    assert INDEX.search(goal, limit=5) == whole[:5]
    assert [hit.score for hit in whole] == sorted((hit.score for hit in whole), reverse=True)


@given(goals, refusals)
def test_refusals_leave_the_order_of_the_others(goal: str, refused: frozenset[tuple[str, str]]) -> None:
    everything = [key(hit.action) for hit in INDEX.search(goal, limit=60)]
    some = [key(hit.action) for hit in INDEX.search(goal, limit=60, permitted=lambda one: key(one) not in refused)]
    assert some == [one for one in everything if one not in refused]


@given(goals)
def test_every_hit_says_why_in_the_goal_s_own_words(goal: str) -> None:
    written = set(spelled(goal).values())
    for hit in INDEX.search(goal, limit=60):
        quoted = hit.why.split(" in its ")[0].removeprefix("matches '").removesuffix("'").split("', '")
        assert set(quoted) <= written


@settings(max_examples=30)
@given(st.text(st.characters(), min_size=1_900, max_size=4_000))
def test_long_texts_are_searched_as_well(text: str) -> None:
    assert len(INDEX.search(text + " contact", limit=5)) <= 5
