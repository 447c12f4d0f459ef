"""What is asked of a platform for one stored credential: new tokens, or that its tokens be made void."""

import logging
from collections.abc import Mapping

from gateway.catalog.model import Connector
from gateway.credentials.model import Secret
from gateway.credentials.oauth.checks import check_endpoint
from gateway.credentials.oauth.configs import AuthConfigs, Registration
from gateway.credentials.oauth.instance import instance_url
from gateway.credentials.oauth.provider import Provider, provider_of
from gateway.credentials.oauth.tokens import TokenClient, TokenRefused, Tokens
from gateway.errors import Conflict, ToolgateError
from gateway.outbound.guard import Guard

CLIENT = "clientCredentials"
# Refused for good where the client's own id and secret are what the user stored (RFC 6749, section 5.2).
_OF_CLIENT = frozenset({"invalid_client", "unauthorized_client"})

log = logging.getLogger(__name__)


def may_be_renewed(secret: Secret) -> bool:
    """Whether there is anything by which another token could be had."""
    return secret.authentication_type == CLIENT or bool(secret.data.get("refreshToken"))


class Asking:
    """Knows which client a credential was made with, and at which addresses it is renewed."""

    def __init__(self, configs: AuthConfigs, client: TokenClient, guard: Guard) -> None:
        self._configs = configs
        self._client = client
        self._guard = guard

    async def ask(self, account_id: str, connector: Connector, secret: Secret) -> Tokens:
        """New tokens.

        Raises what TokenClient raises; Conflict where the connector has no OAuth 2.0 any more; InvalidRequest and
        Forbidden where the client that it was made with is gone, or its secret is not for these addresses.
        """
        provider, registration = await self._parties(account_id, connector, secret)
        if secret.authentication_type == CLIENT:
            return await self._client.client_credentials(provider, registration, registration.scopes or ())
        return await self._client.refresh(provider, registration, secret.data["refreshToken"])

    def is_final(self, secret: Secret, refused: TokenRefused) -> bool:
        """Whether a refusal means that the credential is dead."""
        if secret.authentication_type == CLIENT:
            return refused.is_final or refused.error.casefold() in _OF_CLIENT
        return refused.is_final

    def data(self, connector: Connector, secret: Secret, tokens: Tokens) -> dict[str, str]:
        """The credential's data with these tokens. What the answer does not name stays as it was."""
        provider = provider_of(connector)
        field = provider.instance_url_field if provider is not None else None
        found = {
            "token": tokens.access_token,
            "refreshToken": tokens.refresh_token,
            "tokenType": tokens.token_type,
            "scope": tokens.scope if secret.authentication_type != CLIENT else None,
            "instanceUrl": instance_url(connector, tokens.extra, field),
        }
        return {**secret.data, **{name: value for name, value in found.items() if value}}

    async def revoke(
        self,
        account_id: str,
        connector: Connector,
        secret: Secret,
        data: Mapping[str, str] | None = None,
        registration: Registration | None = None,
    ) -> str:
        """Make the tokens of `data` (else of `secret`) void at the platform: `revoked`, `failed`, or `unsupported`.

        By its own `registration`, or by one that was opened before it was deleted. Never raises but when it is called
        off.
        """
        data = secret.data if data is None else data
        token, hint = data.get("refreshToken"), "refresh_token"
        try:
            provider = provider_of(connector)
            if not token or (provider is not None and provider.revocation_request == "bearer"):
                token, hint = data.get("token"), "access_token"
            if provider is None or provider.revocation_url is None or not token:
                return "unsupported"
            provider, registration = await self._parties(account_id, connector, secret, registration)
            if provider.revocation_url is None:
                return "unsupported"
            await self._client.revoke(provider, registration, token, hint)
        except ToolgateError as error:
            log.warning("the token of credential %s is not revoked: %s", secret.credential_id, error.message)
            return "failed"
        except Exception as error:  # noqa: BLE001 (best effort: what was deleted stays deleted)
            log.warning("the token of credential %s is not revoked: %s", secret.credential_id, type(error).__name__)
            return "failed"
        return "revoked"

    async def _parties(
        self, account_id: str, connector: Connector, secret: Secret, registration: Registration | None = None
    ) -> tuple[Provider, Registration]:
        provider = provider_of(connector)
        if provider is None:
            raise Conflict(
                f"{connector.name} offers no sign-in by OAuth 2.0 any more",
                details={"connectorId": connector.connector_id},
            )
        registration = registration or await self.registration(account_id, connector, secret)
        ready = registration.over(provider).filled(secret.data)
        for url in ready.endpoints:
            check_endpoint(url, self._guard, "tokenUrl")
        return ready, registration

    async def registration(self, account_id: str, connector: Connector, secret: Secret) -> Registration:
        """The client that the credential's tokens are asked for by. Raises what `AuthConfigs.open` raises."""
        if secret.authentication_type == CLIENT and "clientId" in secret.data:
            return Registration(
                auth_config_id="",
                account_id=account_id,
                client_id=secret.data["clientId"],
                client_secret=secret.data.get("clientSecret"),
                scopes=tuple(secret.data.get("scope", "").split()) or None,
            )
        return await self._configs.open(account_id, connector.connector_id, secret.auth_config_id)
