"""What the platforms expect, read from `facts/*.yaml`: written from their documentation, not from our documents."""

from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from .files import File, Part
from .graphql import Kind, read_schema

_FORM = "application/x-www-form-urlencoded"
_FOLDER = Path(__file__).parent / "facts"


@dataclass(frozen=True)
class Expected:
    """A request as the platform wants it. `paths` are percent-encoded, each as good as the others."""

    method: str
    paths: tuple[str, ...]
    query: tuple[tuple[str, str], ...] = ()
    # `...` where there must be no body.
    body: Any = ...
    graphql: dict[str, Any] | None = None
    # A form's pairs, sorted; None where the body is no form.
    form: tuple[tuple[str, str], ...] | None = None
    content_type: str = "application/json"
    # Where the request does not go to the platform's first host; headers of this request alone, by name.
    host: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    # The very bytes of a body that is neither JSON nor a form.
    content: bytes | None = None
    # A multipart body's parts: name, file name, content type, bytes.
    parts: tuple[Part, ...] | None = None


@dataclass(frozen=True)
class Row:
    """One call: what the assistant gives, what the platform expects, what it answers."""

    action_id: str
    arguments: dict[str, Any]
    expected: Expected
    status: int
    # `...` where the answer is empty; a File where it is no JSON.
    answer: Any


@dataclass(frozen=True)
class Platform:
    """A platform as its stand-in plays it."""

    platform_id: str
    host: str
    # The credential as a person stores it, and the header, or the parameters of the query, that it must become.
    secret_type: str
    secret: dict[str, str]
    credential: tuple[str, str] | None
    credential_query: tuple[tuple[str, str], ...]
    # What it answers where the credential is not the one it knows.
    refusal: tuple[int, Any]
    headers: dict[str, str]
    rows: tuple[Row, ...]
    schema: dict[str, Kind] = field(default_factory=dict)
    # The same platform with other kinds of credential.
    others: tuple["Platform", ...] = ()


def platform_ids() -> list[str]:
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


@cache
def read_platform(platform_id: str) -> Platform:
    facts = yaml.safe_load((_FOLDER / f"{platform_id}.yaml").read_text("utf-8"))
    platform = Platform(
        platform_id=platform_id,
        host=facts["host"],
        **_credential(facts),
        refusal=(facts["refusal"]["status"], facts["refusal"]["body"]),
        headers=facts.get("headers", {}),
        rows=tuple(_row(action_id, each) for action_id, calls in facts["actions"].items() for each in calls),
        schema=read_schema((_FOLDER / facts["schema"]).read_text("utf-8")) if "schema" in facts else {},
    )
    others = tuple(replace(platform, **_credential(other)) for other in facts.get("others", []))
    return replace(platform, others=others)


def _credential(facts: dict[str, Any]) -> dict[str, Any]:
    secret, becomes = facts["secret"], facts["credential"]
    return {
        "secret_type": secret["type"],
        "secret": secret["data"],
        "credential": (becomes["header"], becomes["value"]) if "header" in becomes else None,
        "credential_query": tuple(becomes.get("query", {}).items()),
    }


def _row(action_id: str, facts: dict[str, Any]) -> Row:
    request, answer = facts["request"], facts["answer"]
    path = request["path"]
    expected = Expected(
        method=request["method"],
        paths=tuple(path) if isinstance(path, list) else (path,),
        query=tuple(sorted(_pairs(request.get("query", {})))),
        body=request.get("body", ...),
        graphql=request.get("graphql"),
        form=tuple(sorted(_pairs(request["form"]))) if "form" in request else None,
        content_type=request.get("content_type", _content_type(request)),
        host=request.get("host"),
        headers=request.get("headers", {}),
        content=request["content"].encode() if "content" in request else None,
        parts=tuple(map(_part, request["parts"])) if "parts" in request else None,
    )
    body = answer.get("body", ...)
    if "file" in answer:
        body = File(answer["file"]["content_type"], answer["file"]["content"].encode())
    return Row(action_id, facts.get("arguments", {}), expected, answer.get("status", 200), body)


def _content_type(request: dict[str, Any]) -> str:
    if "parts" in request:
        return "multipart/form-data"
    return _FORM if "form" in request else "application/json"


def _part(facts: dict[str, Any]) -> Part:
    content = facts["content"].encode() if "content" in facts else None
    return Part(facts["name"], facts.get("filename"), facts.get("content_type"), content, facts.get("value", ...))


def _pairs(query: dict[str, str | list[str]]) -> list[tuple[str, str]]:
    return [(name, each) for name, value in query.items() for each in (value if isinstance(value, list) else [value])]
