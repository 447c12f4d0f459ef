"""JWT issuers of accounts: whose tokens prove whom, and that no account's issuer proves anybody of another's."""

import json
import sqlite3
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from support.issuer import b64, issuing, jwk, pem, rsa_key
from support.jwts import token
from support.service import Service, serving

SECRET = "a secret of an account, longer than 32 bytes"
RSA_KEY, EC_KEY = rsa_key(), ec.generate_private_key(ec.SECP256R1())


def refusal(answer: httpx.Response) -> tuple[int, str, Any]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error["details"]


class Account:
    """An account of its own, by its first key."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.made = service.client().post("/accounts", json={"name": uuid.uuid4().hex}).json()
        self.id = self.made["accountId"]
        self.path = f"/accounts/{self.id}/jwt-issuers"
        self.client = service.client(Authorization=f"Bearer {self.made['key']}")

    def issuer(self, **body: Any) -> dict[str, Any]:
        given = {"issuer": f"urn:{uuid.uuid4().hex}", "algorithm": "HS256", "secret": SECRET, **body}
        answer = self.service.client().post(self.path, json={k: v for k, v in given.items() if v is not None})
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def users(self) -> set[str]:
        return {user["userId"] for user in self.client.get("/users").json()["users"]}


@pytest.fixture
def account(service: Service) -> Account:
    return Account(service)


def as_bearer(service: Service, text: str) -> httpx.Response:
    return service.client(Authorization=f"Bearer {text}").get("/api/servers")


def hs256(issuer: str, user: str = "jane", **claims: Any) -> str:
    return token(user, secret=SECRET, iss=issuer, **claims)


def test_an_issuer_proves_users_of_its_account_and_of_no_other(service: Service) -> None:
    one, two = Account(service), Account(service)
    first, second = one.issuer()["issuer"], two.issuer()["issuer"]
    user = f"jane-{uuid.uuid4().hex}"
    for account, issuer in ((one, first), (two, second)):
        jane = service.client(Authorization=f"Bearer {hs256(issuer, user)}")
        made = jane.post("/api/servers", json={"name": "mine"})
        assert (made.status_code, made.headers["x-alloy-userid"]) == (201, user)
        server = made.json()["serverId"]
        assert account.users() == {"admin", user}
        # The same person to her account's keys, and nobody to another's.
        assert (
            account.service.client(Authorization=f"Bearer {account.made['key']}", x_alloy_userid=user)
            .get(f"/api/servers/{server}")
            .status_code
            == 200
        )
        other = second if issuer == first else first
        for stranger in (hs256(other, user), token(user)):
            assert service.client(Authorization=f"Bearer {stranger}").get(f"/api/servers/{server}").status_code == 404
    # The default account knows this user by its own issuer alone.
    assert service.client(x_alloy_userid=user).get("/api/servers").json()["total"] == 0


def test_a_token_must_be_of_the_account_beside_its_key_or_token_url(service: Service) -> None:
    one, two = Account(service), Account(service)
    issuer = one.issuer()["issuer"]
    mine, others = hs256(issuer), hs256(two.issuer()["issuer"])
    server = one.client.post("/api/servers", json={"name": "mine"}).json()
    ping = {"jsonrpc": "2.0", "method": "ping", "id": 1}
    for proof, expected in ((mine, 200), (others, 401), (token("jane"), 401)):
        headers = {"x-alloy-user-token": proof}
        beside = httpx.get(
            f"{service.url}/api/servers",
            headers={**headers, "Authorization": f"Bearer {one.made['key']}"},
            trust_env=False,
        )
        assert beside.status_code == expected
        assert httpx.post(server["accessUrl"], json=ping, headers=headers, trust_env=False).status_code == expected
        if expected == 200:
            assert beside.headers["x-alloy-userid"] == "jane"


@pytest.mark.parametrize(("key", "algorithm"), [(RSA_KEY, "RS256"), (EC_KEY, "ES256")], ids=["RS256", "ES256"])
def test_a_public_key(account: Account, service: Service, key: Any, algorithm: str) -> None:
    made = account.issuer(algorithm=algorithm, secret=None, publicKey=pem(key))
    assert made["publicKey"] == pem(key)
    payload = {"iss": made["issuer"], "sub": "ann", "exp": 9_999_999_999}
    assert as_bearer(service, jwt.encode(payload, key, algorithm)).headers["x-alloy-userid"] == "ann"
    # A key that the token brings along, one of the other kind, and the public one as a secret, prove nothing.
    other: Any = ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else rsa_key()
    wrong = [
        jwt.encode(payload, other, algorithm, headers={"jwk": jwk(other, "x")}),
        jwt.encode(payload, EC_KEY if algorithm == "RS256" else RSA_KEY, "ES256" if algorithm == "RS256" else "RS256"),
        token("ann", secret=SECRET, iss=made["issuer"]),
    ]
    for text in wrong:
        assert refusal(as_bearer(service, text))[:2] == (401, "UNAUTHORIZED")


def test_a_jwk_set(account: Account, service: Service) -> None:
    with issuing() as issuer:
        account.issuer(issuer=issuer.url, algorithm="RS256", secret=None, jwksUrl=issuer.jwks_url)
        assert as_bearer(service, issuer.token("ann")).headers["x-alloy-userid"] == "ann"
        # A change of something else keeps the keys that were fetched.
        account.client.post("/users", json={"username": "bob"})
        assert as_bearer(service, issuer.token("ann", jti="2")).status_code == 200
        assert issuer.fetches == 1
        issuer.keys["e1"] = EC_KEY
        # Another kind of key than the issuer was given for.
        assert as_bearer(service, issuer.token("ann", kid="e1")).status_code == 401


def test_what_the_issuer_asks_of_its_tokens(account: Account, service: Service) -> None:
    asks = account.issuer(audience="toolgate", scopes=["mcp", "tools"])
    assert (asks["audience"], asks["scopes"]) == ("toolgate", ["mcp", "tools"])
    enough = {"aud": ["toolgate"], "scope": "tools mcp"}
    assert as_bearer(service, hs256(asks["issuer"], **enough)).status_code == 200
    assert as_bearer(service, hs256(asks["issuer"], **enough, nbf=9_999_999_999)).status_code == 401
    assert as_bearer(service, hs256(asks["issuer"], scope="tools mcp")).status_code == 401
    lacking = as_bearer(service, hs256(asks["issuer"], aud="toolgate", scope="tools"))
    assert refusal(lacking) == (403, "FORBIDDEN", {"scope": "mcp tools"})
    assert lacking.headers["www-authenticate"] == (
        'Bearer realm="toolgate", error="insufficient_scope", scope="mcp tools"'
    )


def test_an_issuer_that_is_deleted_is_refused_at_once(account: Account, service: Service) -> None:
    made = account.issuer()
    mine = hs256(made["issuer"])
    assert as_bearer(service, mine).status_code == 200
    gone = service.client().delete(f"{account.path}/{made['issuerId']}")
    assert (gone.status_code, gone.json()) == (200, {"message": "JWT issuer deleted", "issuerId": made["issuerId"]})
    assert as_bearer(service, mine).status_code == 401
    assert "jane" in account.users()
    assert refusal(service.client().delete(f"{account.path}/{made['issuerId']}"))[:2] == (404, "NOT_FOUND")
    # Its name is free again, with other keys.
    account.issuer(issuer=made["issuer"], secret="another secret, longer than 32 bytes")
    assert as_bearer(service, mine).status_code == 401


def test_a_disabled_or_deleted_account_proves_nobody(service: Service) -> None:
    account = Account(service)
    issuer = account.issuer()["issuer"]
    assert as_bearer(service, hs256(issuer)).status_code == 200
    service.client().patch(f"/accounts/{account.id}", json={"disabled": True})
    for user in ("jane", "somebody-new"):
        assert refusal(as_bearer(service, hs256(issuer, user)))[:2] == (403, "FORBIDDEN")
    service.client().patch(f"/accounts/{account.id}", json={"disabled": False})
    assert account.users() == {"admin", "jane"}
    service.client().delete(f"/accounts/{account.id}")
    assert as_bearer(service, hs256(issuer)).status_code == 401
    assert account.id not in service.client().get("/accounts", params={"limit": 1000}).text


def test_the_secret_is_sealed_and_never_shown(account: Account, service: Service) -> None:
    secret = f"quite a secret, {uuid.uuid4().hex}"
    made = account.issuer(secret=secret)
    shown = [
        json.dumps(made),
        account.client.get(account.path).text,
        service.run("jwt-issuers", "list", "--account", account.id).stdout,
    ]
    assert not any(secret in text for text in shown)
    for file in service.data_dir.iterdir():
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file.name
    assert secret not in service.log()


def test_who_may_do_what(service: Service) -> None:
    account, other = Account(service), Account(service)
    made = account.issuer()
    body = {"issuer": "urn:mine", "algorithm": "HS256", "secret": SECRET}
    assert [one["issuerId"] for one in account.client.get(account.path).json()["issuers"]] == [made["issuerId"]]
    # Who could claim the name of an issuer could claim its users: only the operator gives one.
    for client in (account.client, other.client):
        assert refusal(client.post(account.path, json=body))[:2] == (403, "FORBIDDEN")
        assert refusal(client.delete(f"{account.path}/{made['issuerId']}"))[:2] == (403, "FORBIDDEN")
    for path in (account.path, "/accounts/nope/jwt-issuers", "/accounts/default/jwt-issuers"):
        assert refusal(other.client.get(path))[:2] == (403, "FORBIDDEN")
    use = service.client().post("/keys", json={"scopes": ["use"]}).json()["key"]
    for client in (service.client(Authorization=f"Bearer {use}"), service.client(Authorization=f"Bearer {token()}")):
        assert client.get(account.path).status_code == 403
        assert client.post(account.path, json=body).status_code == 403
        assert client.delete(f"{account.path}/{made['issuerId']}").status_code == 403


@pytest.mark.parametrize("account_id", ["nope", "507f1f77bcf86cd799439011", "%00", "%ED%A0%80", "x" * 3000])
def test_accounts_that_are_not_there(service: Service, account_id: str) -> None:
    path = f"/accounts/{account_id}/jwt-issuers"
    body = {"issuer": f"urn:{uuid.uuid4().hex}", "algorithm": "HS256", "secret": SECRET}
    client = service.client()
    for answer in (client.get(path), client.post(path, json=body), client.delete(f"{path}/{account_id}")):
        assert refusal(answer)[:2] == (404, "NOT_FOUND")


def test_another_accounts_issuer_is_not_there(service: Service) -> None:
    one, two = Account(service), Account(service)
    made = one.issuer()
    assert service.client().delete(f"{two.path}/{made['issuerId']}").status_code == 404
    assert as_bearer(service, hs256(made["issuer"])).status_code == 200


def test_an_issuer_is_one_accounts(service: Service, account: Account) -> None:
    made = account.issuer()
    body = {"issuer": made["issuer"], "algorithm": "HS256", "secret": SECRET}
    for path in (account.path, Account(service).path, "/accounts/default/jwt-issuers"):
        answer = service.client().post(path, json=body)
        assert refusal(answer) == (409, "CONFLICT", {"field": "issuer", "rule": "unique"})


PRIVATE = RSA_KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
SHORT = rsa.generate_private_key(public_exponent=65537, key_size=1024)
GOOD = {"issuer": "urn:bad", "algorithm": "HS256", "secret": SECRET}
RS256 = {"issuer": "urn:bad", "algorithm": "RS256"}


@pytest.mark.parametrize(
    ("body", "field", "rule"),
    [
        ({}, "issuer", "required"),
        ({"issuer": "urn:bad"}, "algorithm", "required"),
        (RS256, "body", "oneOf"),
        (GOOD | {"jwksUrl": "https://a.example.com/jwks"}, "body", "oneOf"),
        (GOOD | {"issuer": ""}, "issuer", "minLength"),
        (GOOD | {"issuer": "a" * 1001}, "issuer", "maxLength"),
        (GOOD | {"issuer": "a\0"}, "issuer", "pattern"),
        (GOOD | {"issuer": 7}, "issuer", "type"),
        (GOOD | {"algorithm": "none"}, "algorithm", "enum"),
        (GOOD | {"algorithm": "HS512"}, "algorithm", "enum"),
        (GOOD | {"algorithm": "RS256"}, "algorithm", "enum"),
        (RS256 | {"algorithm": "HS256", "publicKey": pem(RSA_KEY)}, "algorithm", "enum"),
        (GOOD | {"secret": "x" * 31}, "secret", "minLength"),
        (GOOD | {"secret": pem(RSA_KEY)}, "secret", "format"),
        (RS256 | {"publicKey": "no key"}, "publicKey", "format"),
        (RS256 | {"publicKey": PRIVATE}, "publicKey", "format"),
        (RS256 | {"publicKey": pem(EC_KEY)}, "publicKey", "algorithm"),
        (RS256 | {"publicKey": pem(SHORT)}, "publicKey", "algorithm"),
        (
            RS256 | {"algorithm": "ES256", "publicKey": pem(ec.generate_private_key(ec.SECP384R1()))},
            "publicKey",
            "algorithm",
        ),
        (RS256 | {"jwksUrl": "file:///etc/passwd"}, "jwksUrl", "format"),
        (RS256 | {"jwksUrl": "https://user:pass@a.example.com/"}, "jwksUrl", "format"),
        (GOOD | {"audience": ""}, "audience", "minLength"),
        (GOOD | {"scopes": ["a b"]}, "scopes.0", "pattern"),
        (GOOD | {"scopes": ['a"']}, "scopes.0", "pattern"),
        (GOOD | {"scopes": ["a", "a"]}, "scopes", "uniqueItems"),
        (GOOD | {"key": "x"}, "key", "additionalProperties"),
    ],
)
def test_bad_issuers(service: Service, account: Account, body: dict[str, Any], field: str, rule: str) -> None:
    answer = service.client().post(account.path, json=body)
    assert refusal(answer) == (400, "INVALID_REQUEST", {"field": field, "rule": rule})
    # No part of a key comes back in a sentence.
    assert "PRIVATE" not in answer.text
    assert SECRET not in answer.text
    assert account.client.get(account.path).json()["total"] == 0


def test_each_change_is_on_record(service: Service, account: Account) -> None:
    made = account.issuer()
    service.client().delete(f"{account.path}/{made['issuerId']}")
    with sqlite3.connect(f"file:{service.data_dir / 'toolgate.db'}?mode=ro", uri=True) as store:
        events = [event for (event,) in store.execute("SELECT event FROM audit ORDER BY audit_id DESC LIMIT 2")]
    assert events == ["jwtIssuer.delete", "jwtIssuer.create"]


def test_the_command_line(service: Service, account: Account, tmp_path: Any) -> None:
    issuer = f"https://{uuid.uuid4().hex}.example.com"
    create = ("jwt-issuers", "create", issuer, "--account", account.id, "--json")
    made = json.loads(service.run(*create, "--algorithm", "HS256", "--scope", "mcp", stdin=SECRET + "\n").stdout)
    assert as_bearer(service, hs256(issuer, scope="mcp")).status_code == 200
    listed = json.loads(service.run("jwt-issuers", "list", "--account", account.id, "--json").stdout)
    assert [one["issuerId"] for one in listed] == [made["issuerId"]]
    assert service.run("jwt-issuers", "delete", made["issuerId"], "--account", account.id).returncode == 0
    assert as_bearer(service, hs256(issuer, scope="mcp")).status_code == 401
    file = tmp_path / "key.pem"
    file.write_text(pem(RSA_KEY))
    with_key = service.run(*create, "--algorithm", "RS256", "--public-key", str(file), "--audience", "server")
    assert json.loads(with_key.stdout)["publicKey"] == pem(RSA_KEY)
    for arguments, stdin, sentence in (
        (("--algorithm", "HS256"), "too short", "the secret on the standard input has 32 to 4096 characters"),
        (
            ("--algorithm", "RS256"),
            "",
            "one of the secret on the standard input, --public-key and --jwks-url must be given",
        ),
        (
            ("--algorithm", "HS256", "--jwks-url", "https://x"),
            "",
            "--algorithm must be RS256 or ES256 where --jwks-url",
        ),
        (("--algorithm", "RS256", "--public-key", str(file)), "", "ISSUER is taken"),
        (("--algorithm", "RS256", "--jwks-url", "nope"), "", "--jwks-url must be"),
        (("--algorithm", "RS256", "--public-key", str(file), "--scope", "a b"), "", "--scope"),
    ):
        done = service.run(*create, *arguments, check=False, stdin=stdin)
        assert (done.returncode, done.stdout) == (1, "")
        assert sentence in done.stderr


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(tmp_path_factory.mktemp("named"), TOOLGATE_JWT_ISSUER="https://own.example.com") as running:
        yield running


def test_the_settings_issuer_stays_the_default_accounts(named: Service) -> None:
    account = Account(named)
    body = {"issuer": "https://own.example.com", "algorithm": "HS256", "secret": SECRET}
    assert refusal(named.client().post(account.path, json=body))[:2] == (409, "CONFLICT")
    assert as_bearer(named, token("jane", iss="https://own.example.com")).status_code == 200
    # The default account may have others beside it; each is known by its name alone.
    second = named.client().post("/accounts/default/jwt-issuers", json=body | {"issuer": "urn:second"})
    assert second.status_code == 201
    assert as_bearer(named, hs256("urn:second")).status_code == 200
    for text in (hs256("https://own.example.com"), token("jane", iss="urn:second"), token("jane"), hs256("urn:third")):
        assert as_bearer(named, text).status_code == 401


def test_an_issuer_gives_no_say_over_other_issuers_tokens(service: Service) -> None:
    """The settings here ask for no issuer, so that any name in a token is fine unless it is an account's."""
    account = Account(service)
    made = account.issuer()
    assert as_bearer(service, token("jane", iss=made["issuer"])).status_code == 401
    assert as_bearer(service, token("jane", iss=made["issuer"] + " ")).status_code == 200
    assert as_bearer(service, token("jane", iss=None)).status_code == 200


@pytest.mark.parametrize("iss", [["urn:a"], {"a": 1}, 7, None, "\0", "\ud800", "urn:" + "a" * 5000])
def test_an_iss_that_is_no_name_chooses_nobody(service: Service, iss: Any) -> None:
    text = jwt.encode({"iss": "x", "sub": "ann", "exp": 9_999_999_999}, "k" * 32)
    header, _, signature = text.split(".")
    payload = json.dumps({"iss": iss, "sub": "ann", "exp": 9_999_999_999}).encode()
    assert as_bearer(service, f"{header}.{b64(payload)}.{signature}").status_code == 401


def test_an_outage_is_503_and_no_word_against_the_token(account: Account, service: Service) -> None:
    with issuing() as issuer:
        account.issuer(issuer=issuer.url, algorithm="RS256", secret=None, jwksUrl=issuer.jwks_url)
        issuer.answer = (500, b"")
        answer = as_bearer(service, issuer.token("ann"))
        assert refusal(answer)[:2] == (503, "UNAVAILABLE")
        assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "ES256", "none", "HS512"])
def test_which_issuers_there_are_is_not_told(account: Account, service: Service, algorithm: str) -> None:
    """A forged token that names an account's issuer is answered as one that names nobody's."""
    with issuing() as issuer:
        known = [
            account.issuer()["issuer"],
            account.issuer(algorithm="ES256", secret=None, publicKey=pem(EC_KEY))["issuer"],
            account.issuer(issuer=issuer.url, algorithm="RS256", secret=None, jwksUrl=issuer.jwks_url)["issuer"],
        ]
        answers = set()
        for name in (*known, "urn:nobody", None):
            payload = {"iss": name, "sub": "ann", "exp": 9_999_999_999}
            parts = [json.dumps(part).encode() for part in ({"alg": algorithm, "kid": "x"}, payload)]
            text = ".".join(b64(part) for part in (*parts, b"0" * 64))
            answer = as_bearer(service, text)
            assert answer.status_code == 401
            answers.add((answer.text, answer.headers["www-authenticate"]))
        assert len(answers) == 1


def test_a_secret_outlives_a_rotation_of_the_vaults_key(tmp_path: Any) -> None:
    with serving(tmp_path) as running:
        account = Account(running)
        first, second = account.issuer(), account.issuer()
        assert as_bearer(running, hs256(first["issuer"])).status_code == 200
        running.run("vault", "rotate")
        # One that was opened before, and one that was not.
        for made in (first, second, account.issuer()):
            assert as_bearer(running, hs256(made["issuer"], "after")).status_code == 200


def test_who_proves_nothing_is_told_what_is_so_with_issuers_and_without(service: Service, account: Account) -> None:
    """The sentence must not deny that there are issuers, for whoever has the wrong secret would look elsewhere."""
    known, unknown = account.issuer()["issuer"], f"urn:{uuid.uuid4().hex}"
    said = [
        as_bearer(service, token("jane", secret="another secret, of 32 bytes or more", iss=issuer)).json()["error"]
        for issuer in (known, unknown)
    ]
    assert said[0] == said[1]
    if "JWK set" in said[0]["message"]:
        assert "not signed by an issuer that is known here" in said[0]["message"]
