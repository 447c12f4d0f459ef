"""The browser's side of a sign-in: the page that asks for consent, the way to the platform, and the way back."""

from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlsplit

from gateway.credentials.oauth.arrivals import Choice, Done, Ended
from gateway.credentials.oauth.flows import Flow
from gateway.gate import Gate
from gateway.http.answers import Answer
from gateway.http.browsers import led_to
from gateway.http.errors import STATUS, to_toolgate_error
from gateway.http.sign_in_pages import Asked

Headers = Mapping[bytes, bytes]


async def get_oauth_consent(*, gate: Gate, headers: Headers, connector_id: str, token: str) -> Answer:
    async def page() -> Answer:
        flow = await gate.flows.look(connector_id, token)
        cookie, set_cookie = gate.browsers.named(headers)
        answer = gate.pages.consent(await _asked(gate, flow), gate.flows.form_proof(token, cookie))
        answer.headers.extend(set_cookie)
        return answer

    return await _shown(gate, page)


async def give_oauth_consent(
    *, gate: Gate, headers: Headers, connector_id: str, token: str, body: dict[str, str]
) -> Answer:
    async def page() -> Answer:
        cookie = gate.flows.check_form(body.get("form", ""), token, gate.browsers.read(headers))
        flow = await gate.flows.look(connector_id, token)
        return led_to(await gate.flows.send(flow, cookie))

    return await _shown(gate, page)


async def finish_oauth(*, gate: Gate, headers: Headers, connector_id: str, answer: dict[str, str]) -> Answer:
    async def page() -> Answer:
        return await _ending(gate, headers, await gate.arrivals.back(connector_id, answer, gate.browsers.read(headers)))

    return await _shown(gate, page)


async def choose_oauth_account(*, gate: Gate, headers: Headers, connector_id: str, body: dict[str, str]) -> Answer:
    async def page() -> Answer:
        cookie = gate.browsers.read(headers)
        found = await gate.arrivals.choose(
            connector_id, body.get("token", ""), body.get("form", ""), body.get("tenant", ""), cookie
        )
        return await _ending(gate, headers, found)

    return await _shown(gate, page)


async def _ending(gate: Gate, headers: Headers, found: Done | Choice | Ended) -> Answer:
    if isinstance(found, Choice):
        cookie, _ = gate.browsers.named(headers)
        user = await gate.identity.users.shown(found.account_id, found.user_id)
        form = gate.flows.form_proof(found.link, cookie)
        return gate.pages.choice(found.connector.name, user, found.tenants, found.link, form)
    if found.onward is not None:
        return led_to(found.onward)
    if isinstance(found, Ended):
        return gate.pages.refused(400, found.why)
    user = await gate.identity.users.shown(found.account_id, found.user_id)
    return gate.pages.connected(found.connector.name, user, found.credential_id)


async def _asked(gate: Gate, flow: Flow) -> Asked:
    onward = flow.row.redirect_uri
    return Asked(
        connector=flow.connector.name,
        user=await gate.identity.users.shown(flow.row.account_id, flow.row.user_id),
        leads_to=urlsplit(flow.provider.authorization_url or "").netloc,
        scopes=flow.shown_scopes,
        onward=None if onward is None else urlsplit(onward).netloc,
        again=flow.row.credential_id is not None,
    )


async def _shown(gate: Gate, page: Callable[[], Awaitable[Answer]]) -> Answer:
    """The page, or one that says what is wrong: whoever is here is a person."""
    try:
        return await page()
    except Exception as error:  # noqa: BLE001 - as the edge does, but in HTML
        told = to_toolgate_error(error)
        return gate.pages.refused(STATUS[told.code], told.message)
