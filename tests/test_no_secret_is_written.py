"""A whole run with a secret wherever one can be given; then everything that the service wrote is searched for each.

What is searched: all that the process and the commands wrote to their outputs, every file of the data directory while
the service runs and after it, backups, exports, and every answer. In plain and in every form in which a secret could
have been written: see support/secrecy.py. There are no metrics and no traces to search: the service has none.
"""

import base64
import gzip
import json
import shutil
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from support.echoing import echoing
from support.oauth_platform import running
from support.secrecy import Find, Secrets, forms
from support.secret_walk import OPERATIONS, TalkativePlatform, Walk, dumped
from support.service import Service, serving

TOKENS = frozenset({"token URL"})
KEYS_OF_THE_INSTALLATION = frozenset({"installation's key"})
# What an answer is there to say, by operation; everything else says no secret to anybody.
SAID = {
    **dict.fromkeys(("create-server", "get-server", "list-servers", "update-server", "get-server-client"), TOKENS),
    **dict.fromkeys(("rotate-server-token", "pause-server", "resume-server"), TOKENS),
    **{name: frozenset({"API key"}) for name in ("create-key", "create-account")},
    "create-connector-credential": frozenset({"consent link"}),
    # The owner decides on the arguments.
    **{name: frozenset({"argument"}) for name in ("list-server-approvals", "get-server-approval")},
    "decide-server-approval": frozenset({"argument"}),
    # What the platform repeats of them is its answer; and a tool that there is not is called by its name.
    **dict.fromkeys(("call-server-tool", "execute-mcp-token", "execute-mcp-api"), frozenset({"argument"})),
    "get-oauth-consent": frozenset({"form proof", "browser cookie"}),
    # A redirect to the platform, which sends the state back.
    "give-oauth-consent": frozenset({"state"}),
}
# What only errors can be had of here.
NO_SUCCESS = {"get-protected-resource", "choose-oauth-account"}


def secrets_of_the_installation(secrets: Secrets, service: Service) -> None:
    held = json.loads((service.data_dir / "secrets.json").read_text())

    def take(value: object) -> None:
        if isinstance(value, dict):
            for name, child in value.items():
                if name != "name":
                    take(child)
        elif isinstance(value, list):
            for child in value:
                take(child)
        elif isinstance(value, str) and len(value) >= 40:
            secrets.add("installation's key", value)

    take(held)


def test_no_secret_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    secrets = Secrets()
    settings = {
        "TOOLGATE_API_KEY": secrets.new("preset API key", "-_"),
        "TOOLGATE_JWT_SECRET": secrets.new("JWT secret"),
        "TOOLGATE_ACCESS_LOG": "on",
        "TOOLGATE_LOG_LEVEL": "debug",
        "TOOLGATE_AUDIT_ARGUMENTS": "names",
    }
    finds: list[Find] = []
    with echoing() as echo, running(TalkativePlatform) as oauth, serving(tmp_path, **settings) as service:
        service.key = settings["TOOLGATE_API_KEY"]
        assert isinstance(oauth, TalkativePlatform)
        oauth.secrets = secrets
        walk = Walk(service, secrets, echo, oauth, settings["TOOLGATE_JWT_SECRET"])
        secrets_of_the_installation(secrets, service)
        for part in (walk.accounts_users_and_keys, walk.servers, walk.credentials, walk.actions, walk.sign_ins):
            part()
        walk.errors()
        written = commands(walk, tmp_path)
        walk.ends()
        secrets_of_the_installation(secrets, service)
        finds += data_directory(secrets, service)
    finds += data_directory(secrets, service)
    for name, text in {**written, "log": service.log()}.items():
        finds += secrets.find(name, text.encode(), but=SHOWN.get(name, frozenset()))
    finds += backups(secrets, tmp_path)
    finds += answers(secrets, walk)
    report(secrets, walk, finds, service, capsys)
    covered(walk)
    searched_well(secrets, walk, service)
    assert not finds, "\n".join(map(str, finds[:20]))


# Commands that are there to show one.
SHOWN = {
    "keys create": frozenset({"API key"}),
    "accounts create": frozenset({"API key"}),
    "servers rotate-token": TOKENS,
    "connect": TOKENS,
    "approvals show": frozenset({"argument"}),
    "approvals list": frozenset({"argument"}),
}


def commands(walk: Walk, folder: Path) -> dict[str, str]:
    """What each command wrote, by its name."""
    passphrase = folder / "passphrase"
    passphrase.write_text(walk.secrets.new("passphrase", " ") + "\n")
    pack = str(folder / "backup")
    stored = json.dumps({"token": walk.secrets.new("bearer")})
    bad = '{"token": "' + walk.secrets.new("bearer")
    runs: list[tuple[str, list[str], str | None]] = [
        ("keys create", ["keys", "create"], None),
        ("accounts create", ["accounts", "create", "Commanded"], None),
        ("servers rotate-token", ["servers", "rotate-token", walk.known["serverId"]], None),
        ("connect", ["connect", "claude-code", walk.known["serverId"]], None),
        ("approvals list", ["approvals", "list"], None),
        ("approvals show", ["approvals", "show", walk.known["approvalId"]], None),
        ("credentials add", ["credentials", "add", "slack", "--type", "bearer"], stored),
        ("credentials add, bad", ["credentials", "add", "slack", "--type", "bearer"], bad),
        ("credentials add, odd", ["credentials", "add", "slack", "--type", "bearer"], json.dumps([stored])),
        (
            "jwt-issuers create",
            ["jwt-issuers", "create", "https://cli.example.com", "--algorithm", "HS256"],
            walk.secrets.new("issuer's secret"),
        ),
        ("jwt-issuers list", ["jwt-issuers", "list"], None),
        ("keys list", ["keys", "list", "--json"], None),
        ("users list", ["users", "list", "--json"], None),
        ("servers list", ["servers", "list", "--json"], None),
        ("credentials list", ["credentials", "list", "--json"], None),
        ("auth-configs list", ["auth-configs", "list"], None),
        ("connectors list", ["connectors", "list"], None),
        ("vault rotate", ["vault", "rotate"], None),
        ("vault status", ["vault", "status"], None),
        ("backup", ["backup", pack], None),
        ("backup, encrypted", ["backup", f"{pack}-sealed", "--passphrase-file", str(passphrase)], None),
        ("audit export", ["audit", "export"], None),
        ("audit verify", ["audit", "verify"], None),
        ("check", ["check"], None),
    ]
    written = {}
    for name, arguments, stdin in runs:
        done = walk.service.run(*arguments, check=False, stdin=stdin)
        assert (done.returncode == 0) is (name not in ("credentials add, bad", "credentials add, odd")), (name, done)
        written[name] = done.stdout + done.stderr
    made = written["keys create"].strip().splitlines()[-1].strip()
    walk.secrets.add("API key", made)
    walk.known["accessToken"] = written["servers rotate-token"].strip().rpartition("/")[2]
    walk.secrets.add("token URL", walk.known["accessToken"])
    return written


def data_directory(secrets: Secrets, service: Service) -> list[Find]:
    return list(secrets.find_in_files(service.data_dir, {"secrets.json": KEYS_OF_THE_INSTALLATION}))


def backups(secrets: Secrets, folder: Path) -> list[Find]:
    finds = list(secrets.find("backup, encrypted", (folder / "backup-sealed").read_bytes()))
    unpacked = folder / "unpacked"
    with gzip.open(folder / "backup") as packed, tarfile.open(fileobj=packed) as archive:
        archive.extractall(unpacked, filter="data")
    finds += secrets.find_in_files(unpacked, {"secrets.json": KEYS_OF_THE_INSTALLATION})
    shutil.rmtree(unpacked)
    return finds


def answers(secrets: Secrets, walk: Walk) -> list[Find]:
    finds = []
    for one in walk.said:
        finds += secrets.find(f"{one.operation} {one.status}", one.text, but=SAID.get(one.operation, frozenset()))
    return finds


def report(
    secrets: Secrets, walk: Walk, finds: list[Find], service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    with capsys.disabled():
        kinds = Counter(secrets.given.values())
        print(f"\n{len(secrets.given)} secrets of {len(kinds)} kinds: {dict(sorted(kinds.items()))}")
        lines = len(service.log().splitlines())
        print(f"{len(walk.said)} answers of {len(walk.statuses())} operations, {lines} log lines")
        searched = secrets.searched
        print(f"{searched['searches']:,} searches in {searched['places']:,} places of {searched['bytes']:,} bytes")
        print(f"{len(finds)} found: {dict(Counter((find.kind, find.place) for find in finds))}")


def searched_well(secrets: Secrets, walk: Walk, service: Service) -> None:
    """What is there to be found is found: without their exceptions, answers, files and commands would not pass."""
    found = [find for one in walk.said for find in secrets.find(one.operation, one.text)]
    assert {"token URL", "API key", "consent link", "form proof", "state", "argument"} <= {find.kind for find in found}
    assert {find.place for find in secrets.find_in_files(service.data_dir, {})} == {"secrets.json"}
    # The platform has said back what it was called with, and the service has blotted it.
    assert sum(b"[credential]" in one.text for one in walk.said) > 20


def test_a_secret_is_found_in_every_form() -> None:
    secret = 'pass-/+=&%~"é 0123456789abcdef0123456789'
    for name, form in forms(secret).items():
        known = Secrets()
        known.add("password", secret)
        (find,) = known.find("a log", b"before " + form + b" after")
        assert (find.kind, find.place) == ("password", "a log"), name
        assert not list(known.find("a log", form, but=frozenset({"password"})))
    basic = base64.b64encode(f"somebody:{secret}".encode())
    known = Secrets()
    known.add("password", secret)
    assert list(known.find("a header", b"Basic " + basic))
    assert not list(known.find("a log", b"[redacted] " + secret[:14].encode()))


def covered(walk: Walk) -> None:
    """Every operation was asked, with success where that is possible here, and for an error."""
    statuses = walk.statuses()
    for name in OPERATIONS:
        found = statuses.get(name, set())
        assert any(status < 400 for status in found) or name in NO_SUCCESS, (name, found)
        if name not in ("get-docs", "get-openapi", "get-liveness", "get-readiness"):
            assert any(status >= 400 for status in found), (name, found)
    everything = set().union(*statuses.values())
    assert {200, 201, 303, 400, 401, 403, 404, 405, 409, 415, 422, 502, 504} - everything <= {422}, dumped(walk)
