"""spec/models.py: the contract's requests and responses as TypedDicts, by datamodel-code-generator.

TypedDicts cost nothing at run time, and validation is done from the spec already. Names are the wire's: the generator's
`--snake-case-field` would rename the keys of what is sent.
"""

import hashlib
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from gateway.regenerate.operations import Operation
from gateway.regenerate.prepared import types_document
from gateway.regenerate.programs import GeneratorMissing, require, ruff, run

__all__ = ["MODULE", "GeneratorMissing", "fingerprint", "module"]

MODULE = "spec/models.py"
_OPTIONS = (
    "--input-file-type=openapi",
    "--openapi-scopes=schemas",
    "--output-model-type=typing.TypedDict",
    "--target-python-version=3.11",
    "--disable-timestamp",
    "--strict-nullable",  # without it `nullable` is lost
    "--enum-field-as-literal=all",
    "--naming-strategy=parent-prefixed",
    "--no-use-closed-typed-dict",  # mypy does not know PEP 728 yet
    "--use-schema-description",
    "--disable-future-imports",  # with them TypedDict takes `NotRequired` for text, and every field for required
    "--formatters=builtin",
)
_HEADER = """# Generated from spec/openapi.yaml by `toolgate regenerate`; what is changed here is overwritten.
# The names of fields are those on the wire.
# contract: {fingerprint}
"""


def fingerprint(document: Mapping[str, Any], operations: Iterable[Operation]) -> str:
    """Which types a module was made for: it shows, without the generator, that it is behind."""
    return hashlib.sha256(json.dumps(types_document(document, operations)).encode()).hexdigest()[:16]


def module(document: Mapping[str, Any], operations: Iterable[Operation]) -> str:
    """The text of spec/models.py. Raises GeneratorMissing, or RegenerateError where a generator fails."""
    require("datamodel_code_generator", "datamodel-code-generator")
    formatter = ruff()
    operations = list(operations)
    # A folder without a pyproject.toml: the generator would take options from one.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "types.json").write_text(json.dumps(types_document(document, operations)), "utf-8")
        command = [sys.executable, "-m", "datamodel_code_generator", "--input=types.json", "--output=models.py"]
        run([*command, *_OPTIONS, "--custom-file-header=#"], folder=folder)
        text = (folder / "models.py").read_text("utf-8").removeprefix("#").lstrip()
        text = _HEADER.format(fingerprint=fingerprint(document, operations)) + "\n" + text
        style = ["--isolated", "--no-cache", "--line-length=120", "--target-version=py311"]
        text = run([formatter, "check", "--quiet", "--fix-only", "--select=I", *style, "-"], folder=folder, given=text)
        return run([formatter, "format", "--quiet", *style, "-"], folder=folder, given=text)
