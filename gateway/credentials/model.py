"""A credential on its way to a platform."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secret:
    """An opened credential. `data` holds the secret and the connector's own fields; its repr does not show them."""

    authentication_type: str
    data: Mapping[str, str] = field(repr=False)
