"""A JWT issuer on loopback: its keys, its JWK set over real HTTP, and everything that can go wrong with that."""

import base64
import contextlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def jwk(key: PrivateKey, kid: str | None, **more: Any) -> dict[str, Any]:
    public: Any = key.public_key().public_numbers()
    if isinstance(key, rsa.RSAPrivateKey):
        made = {"kty": "RSA", "n": b64(public.n.to_bytes(256, "big")), "e": b64(public.e.to_bytes(3, "big"))}
    else:
        size = (key.curve.key_size + 7) // 8
        name = {256: "P-256", 384: "P-384"}[key.curve.key_size]
        made = {
            "kty": "EC",
            "crv": name,
            "x": b64(public.x.to_bytes(size, "big")),
            "y": b64(public.y.to_bytes(size, "big")),
        }
    return made | ({} if kid is None else {"kid": kid}) | more


@dataclass
class Issuer:
    """`keys` are published by their ids; `answer` may put another (status, body) in their place, `delay` slows it."""

    url: str = ""
    keys: dict[str, PrivateKey] = field(default_factory=lambda: {"r1": rsa_key()})
    answer: tuple[int, bytes] | None = None
    delay: float = 0.0
    fetches: int = 0

    @property
    def jwks_url(self) -> str:
        return f"{self.url}/jwks.json"

    def jwks(self) -> bytes:
        return json.dumps({"keys": [jwk(key, kid) for kid, key in self.keys.items()]}).encode()

    def token(self, user: str = "jane", *, kid: str = "r1", key: PrivateKey | None = None, **claims: Any) -> str:
        """A JWT of this issuer, signed with one of its keys or with another one; None leaves a claim out."""
        signing = key or self.keys[kid]
        now = int(time.time())
        payload = {"iss": self.url, "sub": user, "iat": now, "exp": now + 300, **claims}
        algorithm = "RS256" if isinstance(signing, rsa.RSAPrivateKey) else "ES256"
        kept = {name: value for name, value in payload.items() if value is not None}
        return jwt.encode(kept, signing, algorithm, headers={"kid": kid})


@contextlib.contextmanager
def issuing() -> Iterator[Issuer]:
    issuer = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.fetches += 1
            time.sleep(issuer.delay)
            status, body = issuer.answer or (200, issuer.jwks())
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
