"""A credential on its way to a platform."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """An opened credential. `data` holds the secret and the connector's own fields; its repr does not show them."""

    authentication_type: str
    data: Mapping[str, str] = field(repr=False)
    # Empty where it was never stored.
    credential_id: str = ""
    # Of OAuth: the registered client that it was made with, and when its access token ends (seconds since the epoch).
    auth_config_id: str | None = None
    expires_at: int | None = None
    # Another number after each change of the data.
    version: int = 0
    # The platform refused to renew it for good.
    dead: bool = False
