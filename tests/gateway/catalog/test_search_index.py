"""Which actions a goal finds, on connectors of a few actions each."""

import ast
import threading
from pathlib import Path
from typing import Any

import pytest
from test_search_needs import CRM, action, body, connector

from gateway.catalog.model import Action, Connector, Parameter
from gateway.catalog.search import MAX_GOAL, ActionIndex, Hit

ROOT = Path(__file__).parents[3]

CHAT = connector(
    action("listChannels", "GET /channels", "List channels"),
    action("postMessage", "POST /messages", "Post a message", description="Sends text to a channel or a person."),
    action("deleteMessage", "DELETE /messages/{messageId}", "Delete a message"),
    action("searchMessages", "GET /search/messages", "Search messages"),
    connector_id="chat",
    name="ChatHub",
    category=("communication",),
)
SHOP = connector(
    action("listOrders", "GET /orders", "List orders"),
    action("getOrder", "GET /orders/{orderId}", "Get an order"),
    action("refundOrder", "POST /orders/{orderId}/refunds", "Refund an order"),
    action("listContacts", "GET /contacts", "List contacts"),
    connector_id="shop",
)
INDEX = ActionIndex.build([CRM, CHAT, SHOP])


def found(goal: str, index: ActionIndex = INDEX, **given: Any) -> list[str]:
    return [f"{hit.action.connector_id}:{hit.action.action_id}" for hit in index.search(goal, **given)]


def one(goal: str, *actions: Action, **given: Any) -> list[Hit]:
    return ActionIndex.build([connector(*actions, **given)]).search(goal)


class TestRanking:
    @pytest.mark.parametrize(
        ("goal", "best"),
        [
            ("refund the order 1001", "shop:refundOrder"),
            ("write a note about a contact", "crm:createNote"),
            ("Could you please post a message to #general?", "chat:postMessage"),
            ("remove a contact from the CRM", "crm:deleteContact"),
            ("which channels are there", "chat:listChannels"),
            ("find the message about the invoice", "chat:searchMessages"),
            ("tell the team in ChatHub", "chat:postMessage"),
            ("show orders", "shop:listOrders"),
        ],
    )
    def test_the_best_action_is_first(self, goal: str, best: str) -> None:
        assert found(goal)[0] == best

    def test_scores_fall(self) -> None:
        scores = [hit.score for hit in INDEX.search("update the note of a contact", limit=50)]
        assert len(scores) > 3
        assert scores == sorted(scores, reverse=True)
        assert min(scores) > 0

    @pytest.mark.parametrize(
        ("named", "best"), [("ChatHub", "chat"), ("chathub", "chat"), ("chat", "chat"), ("MailBird", "mail")]
    )
    def test_a_platform_that_the_goal_names_comes_first(self, named: str, best: str) -> None:
        mail = connector(*CHAT.actions.values(), connector_id="mail", name="MailBird")
        index = ActionIndex.build([CHAT, mail])
        assert found(f"post a message in {named}", index)[0] == f"{best}:postMessage"

    def test_a_name_that_others_share_is_no_name(self) -> None:
        orders = connector(action("listThings", "GET /things", "List things"), connector_id="orders", name="Orders")
        assert found("get the order", ActionIndex.build([orders, SHOP]))[0] == "shop:getOrder"

    def test_all_of_a_named_platform_that_matches_stands_before_the_others(self) -> None:
        both = action("messageInvoice", "GET /messages/invoices", "Message invoices")
        mail = connector(both, action("listInvoices", "GET /invoices", "List invoices"), connector_id="mail")
        names = found("message of invoices in ChatHub", ActionIndex.build([CHAT, mail, CRM, SHOP]))
        assert {name.split(":")[0] for name in names[:4]} == {"chat"}
        assert "mail:messageInvoice" in names

    def test_a_goal_that_names_two_platforms_keeps_both(self) -> None:
        many = (action(f"listOrders{number}", f"GET /orders/{number}", "List orders") for number in range(30))
        index = ActionIndex.build([connector(*many, connector_id="shop"), CHAT, CRM])
        names = found("list the orders of Shop, then tell the team in ChatHub", index)
        assert {name.split(":")[0] for name in names[:4]} == {"chat", "shop"}

    def test_each_clause_has_its_say(self) -> None:
        assert {"crm:createDeal", "shop:refundOrder"} <= set(found("create a deal and refund the order")[:3])

    def test_deleting_is_not_suggested_where_nobody_asked_for_it(self) -> None:
        twins = (action("purgeCard", "DELETE /cards", "Card"), action("zapCard", "POST /cards", "Card"))
        assert [hit.action.action_id for hit in one("my card", *twins)] == ["zapCard", "purgeCard"]
        assert [hit.action.action_id for hit in one("wipe my card", *twins)] == ["purgeCard", "zapCard"]

    def test_what_does_another_kind_of_thing_stands_behind(self) -> None:
        makes = action("makeInvoice", "POST /invoices", "Make an invoice")
        reads = action("invoice", "GET /ledger/bill", "Invoice")
        assert one("what is in the invoice", makes, reads)[0].action is reads
        assert one("write the invoice", makes, reads)[0].action is makes

    def test_sharing_only_the_verb_is_little(self) -> None:
        adds = action("addCard", "POST /add", "Add")
        about = action("makeProduct", "POST /goods", "Goods")
        index = ActionIndex.build([connector(adds, about), SHOP, CHAT])
        assert found("add a product", index)[:2] == ["crm:makeProduct", "crm:addCard"]
        assert found("add", index)[0] == "crm:addCard"

    def test_a_deprecated_action_stands_behind_its_twin(self) -> None:
        old, new = action("cards_a", "GET /a/cards", deprecated=True), action("cards_b", "GET /b/cards")
        assert [hit.action.action_id for hit in one("cards", old, new)] == ["cards_b", "cards_a"]

    def test_a_query_of_graphql_reads_though_it_is_a_post(self) -> None:
        query = action("lines_b", "POST /graphql", "Order lines", graphql="query { lines }")
        mutation = action("lines_a", "POST /graphql", "Order lines", graphql="mutation { lines }")
        assert one("show order lines", mutation, query)[0].action.action_id == "lines_b"
        assert one("graphql", mutation, query) == []

    def test_all_of_an_action_is_searched(self) -> None:
        whole = action(
            "a",
            "GET /zebra/{giraffe}",
            "lion",
            description="tiger",
            resource="panther",
            parameters=(Parameter(name="wolf", location="query", required=False, schema={}, description="fox"),),
            body=body(badger={}),
        )
        index = ActionIndex.build([connector(whole, name="Otter", category=("beaver",)), SHOP])
        for word in ("zebra", "lion", "tiger", "panther", "wolf", "fox", "badger", "otter", "beaver"):
            assert found(word, index) == ["crm:a"], word
        # The caller fills it in: it says nothing about the action that its name as a parameter does not.
        assert index.search("giraffe")[0].why == "matches 'giraffe' in its parameters"


class TestFilters:
    def test_only_the_connectors_asked_for(self) -> None:
        assert found("list contacts", connectors=["shop"])[0] == "shop:listContacts"
        assert {name.split(":")[0] for name in found("list contacts", connectors=["shop", "nobody"])} == {"shop"}
        assert found("list contacts", connectors=["nobody"]) == []
        assert found("list contacts", connectors=[]) == []

    def test_what_is_filtered_out_does_not_weigh_on_what_stays(self) -> None:
        alone = ActionIndex.build([CRM, CHAT, SHOP]).search("list contacts, post a message", connectors={"shop"})
        assert alone[0].score == pytest.approx(2.0)
        assert alone[0].clauses[0] == 1.0

    def test_what_is_not_permitted_is_absent(self) -> None:
        assert "crm:updateContact" in found("update a contact")
        names = found("update a contact", permitted=lambda one: one.read_only)
        assert names
        assert "crm:updateContact" not in names

    def test_permission_is_asked_for_once_and_only_as_far_as_needed(self) -> None:
        asked: list[str] = []

        def permitted(one: Action) -> bool:
            asked.append(one.action_id)
            return int(one.action_id[6:]) % 2 == 0

        many = connector(*(action(f"action{number}", f"GET /card/{number}", "Card") for number in range(5000)))
        hits = ActionIndex.build([many]).search("card", limit=10, permitted=permitted)
        assert len(hits) == 10
        assert len(asked) == len(set(asked)) < 50

    def test_a_producer_of_many_hits_is_asked_about_once(self) -> None:
        asked: list[str] = []

        def permitted(one: Action) -> bool:
            asked.append(one.action_id)
            return True

        hits = ActionIndex.build([CRM]).search("the note of a contact", permitted=permitted)
        assert sum("searchContacts" in need.producers for hit in hits for need in hit.needs) > 1
        assert len(asked) == len(set(asked))

    def test_the_only_permitted_action_is_found_however_far_down(self) -> None:
        many = connector(*(action(f"action{number}", f"GET /card/{number}", "Card") for number in range(5000)))
        hits = ActionIndex.build([many]).search("card", limit=10, permitted=lambda one: one.action_id == "action4711")
        assert [hit.action.action_id for hit in hits] == ["action4711"]

    def test_the_limit_is_kept(self) -> None:
        assert len(found("contact", limit=3)) == 3
        assert found("contact", limit=3) == found("contact", limit=50)[:3]
        assert found("contact", limit=0) == []


class TestGoals:
    @pytest.mark.parametrize("goal", ["", "   ", "the of and", "please tell me about it", "?!", "xyzzy", "日本"])
    def test_a_goal_that_says_nothing_finds_nothing(self, goal: str) -> None:
        assert found(goal) == []

    def test_a_verb_alone_finds_what_says_so(self) -> None:
        assert found("refund") == ["shop:refundOrder"]

    def test_what_comes_after_the_limit_is_not_read(self) -> None:
        assert found("contact " + " " * MAX_GOAL + "order") == found("contact")

    def test_the_parts_of_an_address_are_not_words(self) -> None:
        assert found("order of contact@contacts.com") == found("order")

    def test_no_connectors_no_hits(self) -> None:
        assert ActionIndex.build([]).search("contact") == []
        assert ActionIndex.build([connector()]).search("contact") == []
        assert len(INDEX) == len(CRM.actions) + len(CHAT.actions) + len(SHOP.actions)

    def test_the_order_of_the_connectors_does_not_matter(self) -> None:
        backwards = ActionIndex.build([SHOP, CHAT, CRM])
        goal = "list the contacts and post a message"
        assert found(goal, backwards, limit=50) == found(goal, limit=50)

    def test_equal_actions_keep_the_order_of_the_document(self) -> None:
        many = connector(*(action(f"action{number}", f"GET /card/{number}", "Card") for number in range(300)))
        names = found("card", ActionIndex.build([many]), limit=300)
        assert names == [f"crm:action{number}" for number in range(300)]

    def test_threads_may_search_while_another_builds(self) -> None:
        expected, seen = found("list the contacts"), []

        def work() -> None:
            for _ in range(20):
                seen.append(found("list the contacts"))
                seen.append(found("list the contacts", ActionIndex.build([CRM, CHAT, SHOP])))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(seen) == 160
        assert all(names == expected for names in seen)


class TestWhy:
    def test_it_names_the_goal_s_words_and_where_they_stand(self) -> None:
        assert INDEX.search("Refund Orders")[0].why == "matches 'Refund', 'Orders' in its name, summary and path"

    def test_it_names_no_word_that_the_action_lacks(self) -> None:
        whys = {hit.action.action_id: hit.why for hit in INDEX.search("contact order channel", limit=50)}
        assert whys["getContact"].startswith("matches 'contact' in")
        assert whys["getOrder"].startswith("matches 'order' in")
        assert whys["listChannels"].startswith("matches 'channel' in")

    def test_a_single_place_stands_alone(self) -> None:
        assert INDEX.search("a person")[0].why == "matches 'person' in its description"

    def test_a_name_of_two_parts_is_quoted_once(self) -> None:
        why = INDEX.search("ChatHub channels")[0].why
        assert why == "matches 'ChatHub', 'channels' in its name, summary and path"

    def test_it_stays_short(self) -> None:
        words = [f"word{number}" for number in range(40)]
        why = one(" ".join(words), action("a", "GET /a", " ".join(words)))[0].why
        assert why.count("'") == 10


class TestOddDocuments:
    @pytest.mark.parametrize(
        "schema",
        [
            {"$ref": "#/nowhere"},
            {"$ref": "other.yaml#/x"},
            {"$ref": 7},
            {"$ref": "#/list/9"},
            {"$ref": "#/text/deeper"},
            {"properties": ["a"]},
            {"properties": {"a": True}, "required": ["a", 7, "b"]},
            {"properties": {"a": {"description": 7}}, "required": "a"},
            {"properties": {"a_id": {"description": 7}}, "required": ["a_id"]},
            {"properties": None, "required": None},
        ],
    )
    def test_a_body_that_cannot_be_read_is_passed_over(self, schema: dict[str, Any]) -> None:
        given = body()
        odd = action("createCard", "POST /cards", body=type(given)(media_type="a/b", required=True, schema=schema))
        hits = one("create a card", odd, document={"list": [], "text": "x"})
        assert [hit.action.action_id for hit in hits] == ["createCard"]

    def test_an_action_without_any_words(self) -> None:
        bare = action("-", "TRACE /", "-")
        assert one("anything", bare, name="-", connector_id="-") == []

    def test_long_texts_are_cut(self) -> None:
        long = action("a", "GET /a", "a", description="filler " * 500 + "needle")
        assert one("filler", long)
        assert one("needle", long) == []


def test_numpy_and_the_stemmer_are_imported_by_this_package_alone() -> None:
    """They cost memory that the service does not have at start; whoever searches imports the package when it does."""
    package = ROOT / "gateway" / "catalog" / "search"
    for path in (ROOT / "gateway").rglob("*.py"):
        if package in path.parents:
            continue
        module = ast.parse(path.read_text())
        imported = {
            alias.name if isinstance(node, ast.Import) else str(node.module)
            for node in ast.walk(module)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        assert not {name for name in imported if name.split(".")[0] in ("numpy", "Stemmer")}, path
        eager = {str(node.module) for node in module.body if isinstance(node, ast.ImportFrom)}
        assert not {name for name in eager if name.startswith("gateway.catalog.search")}, path


def test_connectors_are_not_changed() -> None:
    before = repr(CRM)
    ActionIndex.build([CRM]).search("contact")
    assert repr(CRM) == before
    assert isinstance(CRM, Connector)
