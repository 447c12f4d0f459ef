"""Tokens renewed on the way to a platform: before they end, and once after the platform has refused them.

In one process whoever needs a token renewed waits for one task, which no caller's deadline or departure ends; of all
processes one holds the lease (leases.py). New tokens are stored before anybody uses them. What may go wrong, and what
becomes of the credential then, is told in docs/oauth.md, "The life of a token".
"""

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

from gateway.catalog.model import Connector
from gateway.credentials.model import Secret
from gateway.credentials.oauth.asking import Asking, may_be_renewed
from gateway.credentials.oauth.configs import Registration
from gateway.credentials.oauth.leases import Leases, Note
from gateway.credentials.oauth.tokens import TokenRefused
from gateway.errors import CredentialNotFound, Forbidden, Unavailable, UpstreamError, UpstreamTimeout
from gateway.moments import new_id
from storage.runner import StoreError

# The kinds of credential whose tokens end, and the seconds before that end at which they are renewed.
KINDS = frozenset({"oauth2", "clientCredentials"})
SKEW = 60
# A platform that refuses what was renewed because it refused, less than so many seconds ago, has another reason.
_AGAIN = 10.0
_REMEMBERED = 1024
# Seconds between two looks at a credential that another process renews; the first, and the longest.
_FIRST_LOOK, _LONGEST_LOOK = 0.05, 0.5
_LONGEST_PAUSE = 5.0
# Seconds that `close` leaves to what is under way: a token request, and storing what came of it.
_CLOSING = 25.0

T = TypeVar("T")

log = logging.getLogger(__name__)


class Refresher:
    """Renews tokens. `clock` gives seconds since the epoch."""

    def __init__(self, leases: Leases, asking: Asking, clock: Callable[[], float] = time.time) -> None:
        self._leases = leases
        self._asking = asking
        self._clock = clock
        self._running: dict[tuple[str, str], asyncio.Task[Secret]] = {}
        # Credential -> the version that was made here last, and when (monotonic seconds); and that which took the
        # place of one that its platform refused.
        self._made: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._replaced: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._closing = False

    async def fresh(
        self, account_id: str, user_id: str, connector: Connector, secret: Secret, seconds: float, note: Note
    ) -> Secret:
        """The credential with a token that lasts, renewed if it is about to end; waits `seconds` at most.

        Raises CredentialDead; CredentialNotFound where it was deleted meanwhile; Forbidden where it was
        suspended; what the token endpoint's client raises (tokens.py), and UpstreamTimeout after `seconds`.
        """
        if secret.authentication_type not in KINDS:
            return secret
        if secret.dead:
            raise CredentialDead(connector, secret)
        if not self._due(secret):
            return secret
        if not may_be_renewed(secret):
            if not self._over(secret):
                return secret
            await self._leases.bury(account_id, secret, CredentialNotFound.code, note)
            raise CredentialDead(connector, secret)
        try:
            return await self._renewed(account_id, user_id, connector, secret, seconds, note)
        except (UpstreamError, UpstreamTimeout, Unavailable):
            # The token endpoint may be well again before this one ends.
            if not self._over(secret):
                return secret
            raise

    async def after_refusal(
        self, account_id: str, user_id: str, connector: Connector, secret: Secret | None, seconds: float, note: Note
    ) -> Secret | None:
        """Another token than the one that the platform has just refused with 401; None where there is none to be had.

        Raises as `fresh` does.
        """
        if secret is None or secret.authentication_type not in KINDS or not may_be_renewed(secret):
            return None
        version, moment = self._replaced.get(secret.credential_id, (-1, 0.0))
        if version == secret.version and time.monotonic() - moment < _AGAIN:
            return None
        found = await self._renewed(account_id, user_id, connector, secret, seconds, note)
        _remember(self._replaced, found)
        return found

    async def revoke(
        self, account_id: str, connector: Connector, secret: Secret, registration: Registration | None = None
    ) -> str:
        """Make the tokens of a credential that is gone void: `revoked`, `failed` or `unsupported`. Never raises.

        `registration`: where that is gone as well, what `registration` gave before.
        """
        return await self._asking.revoke(account_id, connector, secret, registration=registration)

    async def registration(self, account_id: str, connector: Connector, secret: Secret) -> Registration:
        """The client that a credential's tokens are asked for by. Raises what `AuthConfigs.open` raises."""
        return await self._asking.registration(account_id, connector, secret)

    async def close(self) -> None:
        """Let what is under way come to its end: a token that was rotated must reach the store."""
        self._closing = True
        running = list(self._running.values())
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=_CLOSING)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    async def _renewed(
        self, account_id: str, user_id: str, connector: Connector, secret: Secret, seconds: float, note: Note
    ) -> Secret:
        """The credential in another version than `secret`'s, from the one task that all callers share."""
        key = (account_id, secret.credential_id)
        try:
            async with asyncio.timeout(seconds):
                while True:
                    task = self._running.get(key)
                    if task is None:
                        if self._closing:
                            raise Unavailable("No token is renewed: the service is stopping")
                        work = self._work(account_id, user_id, connector, secret, note)
                        task = self._running[key] = asyncio.create_task(work)
                        task.add_done_callback(partial(self._ended, key))
                    # A caller who goes away must not take the task with them: it may hold a token that was rotated.
                    found = await self._of(task)
                    if found.version != secret.version:
                        return found
                    # It was begun for somebody with an older one.
                    await asyncio.sleep(0)
        except TimeoutError:
            message = f"The token for {connector.name} was not renewed within {seconds:.1f} seconds"
            raise UpstreamTimeout(message, details={"connectorId": connector.connector_id}) from None

    async def _of(self, task: "asyncio.Task[Secret]") -> Secret:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            waiting = asyncio.current_task()
            if task.cancelled() and waiting is not None and not waiting.cancelling():
                raise Unavailable("The token could not be renewed: the service is stopping") from None
            raise

    def _ended(self, key: tuple[str, str], task: asyncio.Task[Secret]) -> None:
        self._running.pop(key, None)
        if not task.cancelled():
            # Looked at, so that it is not reported as lost where every caller has gone.
            task.exception()

    async def _work(self, account_id: str, user_id: str, connector: Connector, secret: Secret, note: Note) -> Secret:
        holder = new_id()
        found = await self._leased(account_id, connector, secret, holder)
        if found.version != secret.version:
            return found
        try:
            tokens = await self._asking.ask(account_id, connector, found)
        except TokenRefused as refused:
            if not self._asking.is_final(found, refused):
                await self._release(account_id, found, holder)
                raise
            return await self._refused(account_id, connector, found, refused, note)
        except BaseException:
            await self._release(account_id, found, holder)
            raise
        data = self._asking.data(connector, found, tokens)
        kept = await self._stored(
            partial(
                self._leases.keep,
                account_id,
                user_id,
                connector.connector_id,
                found,
                data,
                tokens.expires_at,
                note,
            ),
            found,
        )
        if kept is None:
            return await self._superseded(account_id, connector, found, data)
        _remember(self._made, kept)
        return kept

    async def _leased(self, account_id: str, connector: Connector, secret: Secret, holder: str) -> Secret:
        """The credential as it stands, once its lease is `holder`'s; or in another version, which somebody made."""
        begun, pause = time.monotonic(), _FIRST_LOOK
        while True:
            found = await self._standing(account_id, connector, secret)
            if found.version != secret.version or await self._leases.take(account_id, found, holder):
                return found
            # By then the lease has ended, whatever became of its holder.
            if time.monotonic() - begun > self._leases.seconds + 2 * _LONGEST_LOOK + 1:
                raise Unavailable(f"The token for {connector.name} is being renewed elsewhere: try again")
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_LOOK)

    async def _standing(self, account_id: str, connector: Connector, secret: Secret) -> Secret:
        standing = await self._leases.read(account_id, secret.credential_id)
        if standing is None:
            raise CredentialNotFound("Credential not found", details={"connectorId": connector.connector_id})
        if standing.suspended:
            raise Forbidden(
                f"This credential is suspended since {connector.connector_id} was changed",
                details={"connectorId": connector.connector_id, "credentialId": secret.credential_id},
            )
        if standing.secret.dead:
            raise CredentialDead(connector, secret)
        return standing.secret

    async def _refused(
        self, account_id: str, connector: Connector, secret: Secret, refused: TokenRefused, note: Note
    ) -> Secret:
        bury = partial(self._leases.bury, account_id, secret, TokenRefused.code, note)
        if await self._stored(bury, secret, lost="that it is dead"):
            log.warning("credential %s is dead: %s", secret.credential_id, refused.message)
            raise CredentialDead(connector, secret) from None
        # Who held the lease before, and was thought lost, has stored what came of the same refresh token.
        return await self._standing(account_id, connector, secret)

    async def _superseded(self, account_id: str, connector: Connector, secret: Secret, data: dict[str, str]) -> Secret:
        """What stands there now instead. Tokens of a credential that was deleted meanwhile are made void."""
        if await self._leases.read(account_id, secret.credential_id) is None:
            await self._asking.revoke(account_id, connector, secret, data)
        return await self._standing(account_id, connector, secret)

    async def _stored(self, job: Callable[[], Awaitable[T]], secret: Secret, lost: str = "its renewed token") -> T:
        """Do `job` until the store takes it: what it holds exists nowhere else, and nobody is given it before."""
        pause = 0.1
        try:
            while True:
                try:
                    return await job()
                except StoreError as error:
                    log.error("what came of credential %s is not stored yet: %s", secret.credential_id, error)
                await asyncio.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
        except BaseException:
            log.critical("of credential %s %s is lost: connect it again", secret.credential_id, lost)
            raise

    async def _release(self, account_id: str, secret: Secret, holder: str) -> None:
        try:
            await self._leases.release(account_id, secret, holder)
        except StoreError as error:
            log.warning("the lease of credential %s is left to end by itself: %s", secret.credential_id, error)

    def _due(self, secret: Secret) -> bool:
        if not secret.data.get("token"):
            return True
        if secret.expires_at is None:
            return False
        left = secret.expires_at - self._clock()
        # Some tokens last less than SKEW: those are not renewed at each call.
        return left <= 0 or (left < SKEW and self._made.get(secret.credential_id, (-1, 0.0))[0] != secret.version)

    def _over(self, secret: Secret) -> bool:
        if not secret.data.get("token"):
            return True
        return secret.expires_at is not None and secret.expires_at <= self._clock()


def _remember(made: OrderedDict[str, tuple[int, float]], secret: Secret) -> None:
    made[secret.credential_id] = (secret.version, time.monotonic())
    made.move_to_end(secret.credential_id)
    if len(made) > _REMEMBERED:
        made.popitem(last=False)


class CredentialDead(CredentialNotFound):
    """The platform does not renew the credential `secret` any more: only its user can connect it again."""

    def __init__(self, connector: Connector, secret: Secret) -> None:
        super().__init__(
            f"The connection to {connector.name} has ended, for the platform does not renew it any more",
            details={
                "connectorId": connector.connector_id,
                "credentialId": secret.credential_id,
                "status": "dead",
            },
        )
        self.secret = secret
