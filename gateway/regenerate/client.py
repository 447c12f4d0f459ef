"""A typed Python client of the API, by openapi-python-client: a package to install or to copy."""

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.regenerate.checkout import RegenerateError
from gateway.regenerate.prepared import with_named_variants
from gateway.regenerate.programs import require, ruff, run

PACKAGE = "toolgate_client"
_NAMES = {"project_name_override": "toolgate-client", "package_name_override": PACKAGE}


def write_client(document: Mapping[str, Any], folder: Path) -> str:
    """Write the client into `folder`; returns what the generator warned of, or "".

    Raises RegenerateError where `folder` holds something other than an earlier client: the generator overwrites.
    """
    require("openapi_python_client", "openapi-python-client")
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or (any(folder.iterdir()) and not (folder / PACKAGE).is_dir())):
        raise RegenerateError(f"{folder} is neither empty nor an earlier client; name another folder.")
    environment = {
        **os.environ,
        "PATH": os.pathsep.join((str(Path(ruff()).parent), os.environ.get("PATH", ""))),
        "RUFF_NO_CACHE": "true",
        "NO_COLOR": "1",
    }
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        (work / "openapi.json").write_text(json.dumps(with_named_variants(document)), "utf-8")
        (work / "config.json").write_text(json.dumps(_NAMES), "utf-8")
        command = [sys.executable, "-m", "openapi_python_client", "generate", "--path=openapi.json"]
        options = ["--config=config.json", "--meta=uv", "--overwrite", f"--output-path={folder}"]
        said = run([*command, *options], folder=work, environment=environment)
    _, _, warnings = said.partition("Warning(s) encountered")
    return warnings.strip()
