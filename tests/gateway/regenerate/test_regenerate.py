"""What is made from the spec, as far as no generator from outside is needed: current here, and right in a copy."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.regenerate import models
from gateway.regenerate.checkout import Checkout, RegenerateError, find_checkout
from gateway.regenerate.operations import operations, read_document
from gateway.regenerate.plan import Plan, plan
from support.checkouts import ROOT, copy_of_checkout, describe_greeting
from support.service import command

STUB = "handlers/service.py"
STUB_TEST = "tests/handlers/test_service_stubs.py"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return copy_of_checkout(tmp_path)


def planned(root: Path) -> Plan:
    return plan(Checkout(root), with_models=False)


def edit(root: Path, name: str, change: Callable[[str], str]) -> None:
    before = (root / name).read_text()
    after = change(before)
    assert after != before
    (root / name).write_text(after)


def test_what_is_committed_is_what_the_spec_says() -> None:
    found = planned(ROOT)
    assert found.differences() == [], "run `toolgate regenerate`, look at the diff, and commit it"
    assert found.orphans == []


def test_the_committed_types_are_of_this_spec() -> None:
    """The generator is needed to compare the text; which contract the text was made for, it says itself."""
    document = read_document(Checkout(ROOT))
    committed = re.search(r"^# contract: (\w+)$", (ROOT / models.MODULE).read_text(), re.MULTILINE)
    assert committed is not None
    assert committed[1] == models.fingerprint(document, operations(document)), "run `toolgate regenerate`"


def test_a_new_operation_gets_a_stub_and_a_failing_test(copy: Path) -> None:
    before = {name: (copy / name).read_text() for name in (STUB, "handlers/connectors.py")}
    describe_greeting(copy)
    work = planned(copy)
    assert work.write() == ["docs/reference.md", STUB, STUB_TEST, "tests/spec/golden.json"]
    after = (copy / STUB).read_text()
    assert after.startswith(before[STUB])
    assert (copy / "handlers/connectors.py").read_text() == before["handlers/connectors.py"]
    stub = next(node for node in ast.parse(after).body if getattr(node, "name", "") == "get_greeting")
    assert isinstance(stub, ast.AsyncFunctionDef)
    assert [argument.arg for argument in stub.args.kwonlyargs] == ["name"]
    assert "get-greeting is not implemented yet" in ast.unparse(stub)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", STUB_TEST],
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "GET /greeting has no test yet: write handlers.service.get_greeting" in done.stdout


def test_twice_is_once_and_a_persons_work_stays(copy: Path) -> None:
    describe_greeting(copy)
    planned(copy).write()
    assert planned(copy).differences() == []
    edit(copy, STUB, lambda text: text.replace('raise Unavailable("get-greeting is not implemented yet")', "return {}"))
    (copy / STUB_TEST).unlink()
    assert planned(copy).differences() == []


def test_a_new_tag_gets_a_module(copy: Path) -> None:
    describe_greeting(copy)
    edit(copy, "spec/openapi.yaml", lambda text: text.replace("        - Service\n", "        - Small Talk\n", 1))
    work = planned(copy)
    assert "handlers/small_talk.py" in work.write()
    assert (copy / "handlers/small_talk.py").read_text().startswith('"""Small Talk."""\n\n\nasync def get_greeting(\n')
    assert work.orphans == []


def test_every_kind_of_parameter_and_body(copy: Path) -> None:
    edit(
        copy,
        "spec/openapi.yaml",
        lambda text: text.replace(
            "\npaths:\n",
            """
paths:
  /things/{thingId}:
    parameters:
      - {name: thingId, in: path, required: true, schema: {type: string}}
    put:
      tags: [Things]
      operationId: put-thing
      parameters:
        - {name: howMany, in: query, schema: {type: integer}}
        - {name: loud, in: query, schema: {type: boolean, default: false}}
        - {name: If-Match, in: header, schema: {type: string}}
      requestBody: {content: {application/json: {schema: {$ref: '#/components/schemas/CreateServer'}}}}
      responses: {'204': {description: Done}}
""",
            1,
        ),
    )
    planned(copy).write()
    written = (copy / "handlers/things.py").read_text()
    assert [line.split("  # noqa")[0].strip(" ,") for line in written.splitlines()[3:9]] == [
        "async def put_thing(",
        "*",
        "thing_id: str",
        "how_many: int | None",
        "loud: bool",
        "body: dict[str, object]",
    ]


def test_a_handler_without_an_operation_is_named(copy: Path) -> None:
    with (copy / STUB).open("a") as file:
        file.write("\n\nasync def forgotten() -> None:\n    pass\n\n\nasync def _helper() -> None:\n    pass\n")
    work = planned(copy)
    assert work.orphans == ["handlers.service.forgotten"]
    assert work.write() == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("openapi: 3.0.1", "openapi: [", "is not YAML"),
        ("openapi: 3.0.1", "openapi: 3", "is not an OpenAPI 3.0 document"),
        ("\n      operationId: get-server\n", "\n      operationId: list-servers\n", "list-servers"),
        ("\n      operationId: get-server\n", "\n      operationId: getServer\n", "needs an operationId"),
        ("type: object\n", "type: thing\n", "is not valid OpenAPI"),
        ("        - Service\n", "        - Service\n        - Tools\n", "exactly one tag"),
        ("        - Service\n", "        - Sérvice!\n", "exactly one tag"),
        ("\ncomponents:\n", "\n  /connectors:\n    summary: again\ncomponents:\n", "'/connectors' twice"),
    ],
)
def test_a_spec_that_is_not_right_is_refused_in_a_sentence(copy: Path, before: str, after: str, said: str) -> None:
    edit(copy, "spec/openapi.yaml", lambda text: text.replace(before, after, 1))
    with pytest.raises(RegenerateError) as caught:
        planned(copy)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def regenerate(folder: Path, *arguments: str, without: str = "") -> subprocess.CompletedProcess[str]:
    hide = f"import sys; sys.modules.update(dict.fromkeys({without.split()!r})); "
    line = command("regenerate", *arguments)
    line[2] = hide + line[2]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=60)


def test_elsewhere_than_in_a_checkout(tmp_path: Path) -> None:
    done = regenerate(ROOT, "--root", str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: {tmp_path} is not a checkout of Toolgate")
    assert len(done.stderr.splitlines()) == 1
    with pytest.raises(RegenerateError):
        find_checkout(tmp_path)
    assert find_checkout(ROOT).root == ROOT


def test_without_the_generators_the_rest_is_written(copy: Path) -> None:
    describe_greeting(copy)
    done = regenerate(copy, without="datamodel_code_generator")
    assert done.returncode == 1
    assert done.stderr == (
        "Error: datamodel-code-generator is not installed; `pip install '.[regenerate]'` installs the generators.\n"
    )
    assert f"wrote: {STUB}\n" in done.stdout
    client = regenerate(copy, "--client", str(copy / "client"), without="openapi_python_client")
    assert client.returncode == 1
    assert client.stderr.startswith("Error: openapi-python-client is not installed")
    assert not (copy / "client").exists()


def test_a_check_writes_nothing(copy: Path) -> None:
    describe_greeting(copy)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    done = regenerate(copy, "--check", without="datamodel_code_generator")
    assert done.returncode == 1
    assert f"differs: {STUB}\n" in done.stdout
    assert {p: p.read_bytes() for p in copy.rglob("*") if p.is_file() and "__pycache__" not in p.parts} == {
        path: content for path, content in before.items() if "__pycache__" not in path.parts
    }
    assert regenerate(copy, "--check", "--client", "x").returncode == 2


def test_the_service_imports_none_of_it() -> None:
    program = "import sys, gateway.cli, gateway.app; print([n for n in sys.modules if n.startswith('gateway.regen')])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
