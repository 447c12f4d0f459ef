"""Token endpoints are asked in the share of the account that they are asked for."""

from gateway.catalog.loader import load_shipped
from gateway.credentials.oauth.configs import Registration
from gateway.credentials.oauth.provider import provider_of
from gateway.credentials.oauth.tokens import TokenClient
from gateway.outbound.client import OutboundClient
from gateway.outbound.guard import Guard
from gateway.outbound.messages import Request, Response


class Endpoint(OutboundClient):
    """Answers each request with a token, and keeps it."""

    def __init__(self) -> None:
        super().__init__(Guard())
        self.asked: list[Request] = []

    async def send(self, request: Request) -> Response:
        self.asked.append(request)
        return Response(200, {"content-type": "application/json"}, b'{"access_token": "a", "token_type": "x"}', "")


async def test_each_kind_of_request_counts_for_its_account() -> None:
    provider = provider_of(load_shipped("gitlab"))
    assert provider is not None
    registration = Registration(auth_config_id="", client_id="us", client_secret="secret", account_id="an-account")
    endpoint = Endpoint()
    client = TokenClient(endpoint)
    await client.exchange(provider, registration, code="c", redirect_uri="https://here.example/back")
    await client.refresh(provider, registration, "r")
    await client.client_credentials(provider, registration)
    assert [request.tenant for request in endpoint.asked] == ["an-account"] * 3
