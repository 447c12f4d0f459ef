"""The spec as Connexion holds it, checked in a hundredth of the time.

Connexion checks it against the schema of OpenAPI 3.0 by jsonschema, at each start, in a quarter of a second; by
jsonschema-rs the same schema takes two milliseconds. What else Connexion looks at, whether a `default` is valid, the
tests ask (tests/gateway/http/test_specification.py).
"""

from typing import Any

import jsonschema_rs
from connexion.spec import OpenAPISpecification


class CheckedSpecification(OpenAPISpecification):  # type: ignore[misc]  # Connexion has no type information
    """Raises connexion.exceptions.InvalidSpecification, in Connexion's own words, for what is not OpenAPI 3.0."""

    @classmethod
    def _validate_spec(cls, spec: dict[str, Any]) -> None:
        if not jsonschema_rs.Draft4Validator(cls.openapi_schema).is_valid(spec):
            super()._validate_spec(spec)
