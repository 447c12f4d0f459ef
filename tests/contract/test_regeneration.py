"""Everything that is generated, the generators included: current, the same every time, and the walk of the docs."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, get_type_hints

import pytest

from gateway.contract import load_document
from gateway.regenerate.checkout import Checkout
from gateway.regenerate.plan import plan
from support.checkouts import ROOT, copy_of_checkout, describe_greeting, walk_blocks
from support.service import command, serving

pytest.importorskip("datamodel_code_generator", reason="the generators are an extra: `tox -e regenerate` has them")


def regenerate(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        command("regenerate", *arguments), cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )
    assert not check or done.returncode == 0, done.stdout + done.stderr
    return done


def load(path: Path) -> ModuleType:
    found = importlib.util.spec_from_file_location("generated_models", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_what_is_committed_is_what_the_spec_says() -> None:
    assert regenerate(ROOT, "--check").stdout == "Everything is as the spec says.\n"


def test_a_check_fails_where_something_differs(tmp_path: Path) -> None:
    copy = copy_of_checkout(tmp_path)
    (copy / "spec" / "models.py").write_text("Something = 1\n")
    (copy / "docs" / "reference.md").unlink()
    done = regenerate(copy, "--check", check=False)
    assert done.returncode == 1
    assert done.stdout == "differs: docs/reference.md\ndiffers: spec/models.py\n"
    assert len(done.stderr.splitlines()) == 1
    regenerate(copy)
    assert (copy / "spec" / "models.py").read_text() == (ROOT / "spec" / "models.py").read_text()
    with (copy / "handlers" / "service.py").open("a") as file:
        file.write("\n\nasync def forgotten() -> None:\n    pass\n")
    assert "handlers.service.forgotten" in regenerate(copy).stderr
    orphaned = regenerate(copy, "--check", check=False)
    assert orphaned.returncode == 1
    assert "handlers.service.forgotten" in orphaned.stderr


def test_twice_is_the_same() -> None:
    assert plan(Checkout(ROOT)).files == plan(Checkout(ROOT)).files


def test_the_types_have_the_names_on_the_wire() -> None:
    """Every object schema of the spec is a TypedDict with the same fields, required and not."""
    models = load(ROOT / "spec" / "models.py")
    compared = 0
    for name, schema in load_document()["components"]["schemas"].items():
        if "properties" in schema:
            kind: Any = getattr(models, name)
            required = set(schema.get("required", ()))
            assert set(get_type_hints(kind)) == set(schema["properties"]), name
            assert kind.__required_keys__ == required, name
            assert kind.__optional_keys__ == set(schema["properties"]) - required, name
            compared += 1
    assert compared >= 15
    assert models.CreatedServer.__required_keys__ == {"serverId", "url", "accessUrl", "accessToken"}
    assert {"UpdateServerRequest", "UpdateServerResponse", "ListServersQuery"} <= set(vars(models))


def test_the_walk_of_the_docs(tmp_path: Path) -> None:
    copy = copy_of_checkout(tmp_path)
    blocks = walk_blocks()
    assert set(blocks) == {"spec/openapi.yaml", "handlers/service.py", "tests/handlers/test_greeting.py", "docs/api.md"}

    describe_greeting(copy)
    assert "wrote: spec/models.py\n" in regenerate(copy).stdout
    with serving(tmp_path / "stub", checkout=copy) as running:
        stub = running.client().get("/greeting", params={"name": "Ann"})
        assert (stub.status_code, stub.json()["error"]["code"]) == (503, "UNAVAILABLE")
        assert stub.json()["error"]["message"] == "get-greeting is not implemented yet"

    handlers = copy / "handlers" / "service.py"
    before, _, _ = handlers.read_text().partition("async def get_greeting")
    handlers.write_text(before + blocks["handlers/service.py"])
    (copy / "tests" / "handlers" / "test_service_stubs.py").unlink()
    (copy / "tests" / "handlers" / "test_greeting.py").write_text(blocks["tests/handlers/test_greeting.py"])
    with (copy / "docs" / "api.md").open("a") as page:
        page.write("\n" + blocks["docs/api.md"])
    client = tmp_path / "client"
    regenerate(copy, "--client", str(client))
    assert handlers.read_text() == before + blocks["handlers/service.py"]
    regenerate(copy, "--check")

    with serving(tmp_path / "written", checkout=copy) as running:
        answer = running.client().get("/greeting", params={"name": "Ann"})
        assert (answer.status_code, answer.json()) == (200, {"greeting": "Hello, Ann!"})
        for query, rule in ({"name": ""}, "minLength"), ({"name": "x" * 41}, "maxLength"), ({}, "required"):
            bad = running.client().get("/greeting", params=query)
            assert (bad.status_code, bad.json()["error"]["details"]) == (400, {"field": "name", "rule": rule})
        assert running.client().get("/greeting", params={"name": "Ann", "nam": "x"}).status_code == 400
        assert running.client(Authorization="").get("/greeting", params={"name": "Ann"}).status_code == 401
        assert "/greeting" in running.client().get("/openapi.json").json()["paths"]
        program = (
            "from toolgate_client import AuthenticatedClient\n"
            "from toolgate_client.api.service import get_greeting\n"
            f"with AuthenticatedClient(base_url={running.url!r}, token={running.key!r}) as client:\n"
            "    print(get_greeting.sync(client=client, name='Ann').greeting)\n"
        )
        done = subprocess.run([sys.executable, "-c", program], cwd=client, capture_output=True, text=True, timeout=60)
        assert done.stdout == "Hello, Ann!\n", done.stderr

    # The copy's own tests hold the new operation to its example, its errors, its paragraph and its test.
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "tests/spec",
            "tests/handlers/test_greeting.py",
        ],
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
