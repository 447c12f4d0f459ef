"""JWTs as an issuer would make them."""

import time
from typing import Any

import jwt

from support.service import JWT_SECRET


def token(user: str = "jane", *, secret: str = JWT_SECRET, lasts: int = 300, **claims: Any) -> str:
    payload = {"userId": user, "exp": int(time.time()) + lasts, **claims}
    return jwt.encode({key: value for key, value in payload.items() if value is not None}, secret, "HS256")
