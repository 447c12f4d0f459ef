"""Where the arguments of an action come from, on a small CRM whose actions are written by hand."""

from typing import Any

from gateway.catalog.model import Action, Body, Connector, Parameter
from gateway.catalog.search import ActionIndex, Need


def action(name: str, request: str, title: str = "", **given: Any) -> Action:
    """`action("getContact", "GET /contacts/{contactId}")`; the placeholders become parameters."""
    method, path = request.split(" ")
    parameters = tuple(
        Parameter(name=part.strip("{}"), location="path", required=True, schema={"type": "string"})
        for part in path.split("/")
        if part.startswith("{") and part.endswith("}")
    )
    return Action(
        **{
            "connector_id": "crm",
            "action_id": name,
            "alias": None,
            "method": method,
            "path": path,
            "title": title or name,
            "description": "",
            "resource": "",
            "parameters": parameters + given.pop("parameters", ()),
            **given,
        }
    )


def connector(*actions: Action, **given: Any) -> Connector:
    """A connector of these actions, by default the CRM."""
    connector_id = given.pop("connector_id", "crm")
    return Connector(
        **{
            "connector_id": connector_id,
            "name": connector_id.title(),
            "description": "",
            "category": (),
            "base_url": "https://api.example.com",
            "authentication": (),
            "actions": {
                one.action_id: one if one.connector_id == connector_id else moved(one, connector_id) for one in actions
            },
            **given,
        }
    )


def moved(one: Action, connector_id: str) -> Action:
    return Action(
        **{name: getattr(one, name) for name in one.__slots__ if name != "connector_id"}, connector_id=connector_id
    )


def body(*required: str, **properties: Any) -> Body:
    schema = {"type": "object", "properties": properties, "required": list(required)}
    return Body(media_type="application/json", required=True, schema=schema)


CRM = connector(
    action("listContacts", "GET /contacts", "List contacts"),
    action("searchContacts", "POST /contacts/search", "Search contacts"),
    action("createContact", "POST /contacts", "Create a contact"),
    action("getContact", "GET /contacts/{contactId}", "Get a contact"),
    action("updateContact", "PATCH /contacts/{contactId}", "Update a contact"),
    action("deleteContact", "DELETE /contacts/{contactId}", "Delete a contact"),
    action("listNotes", "GET /contacts/{contactId}/notes", "List the notes of a contact"),
    action("createNote", "POST /contacts/{contactId}/notes", "Add a note to a contact"),
    action("updateNote", "PUT /contacts/{contactId}/notes/{noteId}", "Change a note"),
    action("listPipelines", "GET /pipelines", "List pipelines"),
    action(
        "createDeal",
        "POST /deals",
        "Create a deal",
        body=body("pipelineId", "title", pipelineId={"type": "string"}, title={"type": "string"}),
    ),
)


def needs(name: str, *actions: Action, hidden: frozenset[str] = frozenset(), **given: Any) -> tuple[Need, ...]:
    """What the action of this name needs, among these actions, by way of a search that finds it."""
    index = ActionIndex.build([connector(*actions, **given)])
    found = index.search(name, limit=50, permitted=lambda one: one.action_id not in hidden)
    return next(hit.needs for hit in found if hit.action.action_id == name)


def crm_needs(name: str, *hidden: str) -> tuple[Need, ...]:
    return needs(name, *CRM.actions.values(), hidden=frozenset(hidden))


def producers(found: tuple[Need, ...]) -> dict[str, tuple[str, ...]]:
    return {need.parameter: need.producers for need in found}


class TestPlaceholders:
    def test_an_id_comes_from_the_search_and_the_list_of_its_entity(self) -> None:
        assert producers(crm_needs("updateContact")) == {"contactId": ("searchContacts", "listContacts")}

    def test_what_takes_no_id_needs_nothing(self) -> None:
        assert crm_needs("createContact") == ()

    def test_an_inner_id_comes_from_the_collection_it_stands_in(self) -> None:
        assert producers(crm_needs("updateNote")) == {
            "contactId": ("searchContacts", "listContacts"),
            "noteId": ("listNotes",),
        }

    def test_a_producer_s_own_needs_come_with_it(self) -> None:
        note = crm_needs("updateNote")[1]
        assert producers(note.before) == {"contactId": ("searchContacts", "listContacts")}

    def test_a_bare_id_belongs_to_the_segment_before_it(self) -> None:
        found = needs("getTicket", action("getTicket", "GET /tickets/{id}"), action("listTickets", "GET /tickets"))
        assert producers(found) == {"id": ("listTickets",)}

    def test_an_id_after_another_placeholder_comes_only_from_a_search_of_everything(self) -> None:
        found = needs(
            "getRecord",
            action("getRecord", "GET /objects/{object}/{id}"),
            action("listObjects", "GET /objects"),
            action("search", "GET /v2/search"),
        )
        assert producers(found) == {"object": ("listObjects", "search"), "id": ("search",)}

    def test_a_suffix_of_the_format_is_no_part_of_the_name(self) -> None:
        found = needs("getOrder", action("getOrder", "GET /orders/{id}.json"), action("listOrders", "GET /orders.json"))
        assert producers(found) == {"id": ("listOrders",)}

    def test_another_entity_of_two_words_is_not_the_same(self) -> None:
        found = needs(
            "getProject",
            action("getProject", "GET /projects/{project_id}"),
            action("listMemberships", "GET /project_memberships"),
            action("listProjects", "GET /projects"),
        )
        assert producers(found) == {"project_id": ("listProjects",)}

    def test_a_value_that_the_schema_gives_is_not_needed(self) -> None:
        known = action(
            "listMessages",
            "GET /users/{userId}/messages",
            parameters=(Parameter(name="userId", location="path", required=True, schema={"default": "me"}),),
        )
        assert needs("listMessages", known, action("listUsers", "GET /users")) == ()

    def test_who_takes_an_id_does_not_yield_it(self) -> None:
        found = needs(
            "getContact",
            action("getContact", "GET /contacts/{contactId}"),
            action("listRelated", "GET /contacts/{contactId}/contacts", "List related contacts"),
            action("listMembers", "GET /groups/{groupId}/contacts", "List contacts of a group"),
        )
        assert producers(found) == {"contactId": ("listMembers",)}

    def test_two_that_need_each_other_are_not_followed_in_a_circle(self) -> None:
        by_company = Parameter(name="companyId", location="query", required=True, schema={})
        by_contact = Parameter(name="contactId", location="query", required=True, schema={})
        found = needs(
            "getContact",
            action("getContact", "GET /contacts/{contactId}"),
            action("listContacts", "GET /contacts", parameters=(by_company,)),
            action("listCompanies", "GET /companies", parameters=(by_contact,)),
        )
        assert producers(found) == {"contactId": ("listContacts",)}
        assert producers(found[0].before) == {"companyId": ("listCompanies",)}
        assert found[0].before[0].before == ()

    def test_an_action_never_needs_itself(self) -> None:
        assert needs("listNotes", action("listNotes", "GET /contacts/{contactId}/notes")) == ()


class TestOtherParameters:
    def test_a_required_id_in_the_body(self) -> None:
        assert producers(crm_needs("createDeal")) == {"pipelineId": ("listPipelines",)}

    def test_a_body_behind_a_reference(self) -> None:
        schema = {"required": ["teamId"], "properties": {"teamId": {"type": "string"}}}
        found = needs(
            "createTask",
            action("createTask", "POST /tasks", body=Body(media_type="a/b", required=True, schema={"$ref": "#/x/~1t"})),
            action("listTeams", "GET /teams"),
            document={"x": {"/t": schema}},
        )
        assert producers(found) == {"teamId": ("listTeams",)}

    def test_a_parameter_whose_description_says_that_it_is_an_id(self) -> None:
        found = needs(
            "postMessage",
            action(
                "postMessage",
                "POST /chat.postMessage",
                body=body("channel", "text", channel={"description": "Id of the channel."}, text={}),
            ),
            action("conversationsList", "GET /conversations.list", "List channels"),
        )
        assert producers(found) == {"channel": ("conversationsList",)}

    def test_one_whose_description_does_not_is_left_to_the_caller(self) -> None:
        found = needs(
            "postMessage",
            action("postMessage", "POST /messages", body=body("channel", channel={"description": "Where to post."})),
            action("listChannels", "GET /channels", "List channels"),
        )
        assert found == ()

    def test_a_required_id_in_the_query(self) -> None:
        account = Parameter(name="account_id", location="query", required=True, schema={})
        found = needs(
            "getBalance",
            action("getBalance", "GET /balance", parameters=(account,)),
            action("accountsGet", "POST /accounts/get", "Retrieve accounts"),
        )
        assert producers(found) == {"account_id": ("accountsGet",)}

    def test_the_whole_name_counts_more_than_its_last_word(self) -> None:
        found = needs(
            "retry",
            action("retry", "POST /retry", body=body("flow_run_id", flow_run_id={})),
            action("listRuns", "GET /runs"),
            action("listFlowRuns", "GET /flow_runs"),
        )
        assert producers(found) == {"flow_run_id": ("listFlowRuns", "listRuns")}

    def test_what_needs_less_itself_comes_first(self) -> None:
        found = needs(
            "pin",
            action("pin", "POST /pin", body=body("noteId", noteId={})),
            action("listByUser", "GET /u/{userId}/notes"),
            action("listAll", "GET /everything/there/is/notes"),
        )
        assert producers(found) == {"noteId": ("listAll", "listByUser")}

    def test_what_makes_a_thing_is_no_producer_though_its_path_reads_so(self) -> None:
        found = needs(
            "clear",
            action("clear", "POST /clear", body=body("calendarId", calendarId={})),
            action("calendars.calendarList.insert", "POST /calendarList", "calendars calendarList insert"),
            action("calendars.calendarList.get", "GET /calendarList", "calendars calendarList get"),
        )
        assert producers(found) == {"calendarId": ("calendars.calendarList.get",)}
        assert found[0].creators == ("calendars.calendarList.insert",)

    def test_a_saved_search_is_no_search(self) -> None:
        found = needs(
            "pin",
            action("pin", "POST /pin", body=body("contactId", contactId={})),
            action("saveSearch", "POST /search/contacts", "Create a saved search for contacts"),
            action("listContacts", "GET /contacts"),
        )
        assert producers(found) == {"contactId": ("listContacts",)}

    def test_what_limits_a_lookup_is_not_what_it_yields(self) -> None:
        found = needs(
            "invite",
            action("invite", "POST /invite", body=body("userId", "emailId", userId={}, emailId={})),
            action("users_lookupByEmail", "GET /users.lookupByEmail"),
        )
        assert producers(found) == {"userId": ("users_lookupByEmail",)}

    def test_graphql_actions_are_told_apart_by_name(self) -> None:
        found = needs(
            "getOrder",
            action("getOrder", "POST /graphql", graphql="query { a }", body=body("id", id={"type": "string"})),
            action("listOrders", "POST /graphql", graphql="query { a }"),
            action("listUsers", "POST /graphql", graphql="query { a }"),
        )
        assert producers(found) == {"id": ("listOrders",)}


class TestWhatIsRefused:
    def test_a_refused_producer_is_not_named_and_the_next_one_is(self) -> None:
        assert producers(crm_needs("updateContact", "searchContacts")) == {"contactId": ("listContacts",)}

    def test_a_parameter_that_nothing_permitted_yields_is_not_named(self) -> None:
        assert crm_needs("updateContact", "searchContacts", "listContacts") == ()

    def test_nor_is_what_would_make_such_a_thing(self) -> None:
        assert crm_needs("updateContact")[0].creators == ("createContact",)
        assert crm_needs("updateContact", "createContact")[0].creators == ()

    def test_nor_is_a_producer_of_a_producer_s_need(self) -> None:
        note = crm_needs("updateNote", "searchContacts")[1]
        assert producers(note.before) == {"contactId": ("listContacts",)}
