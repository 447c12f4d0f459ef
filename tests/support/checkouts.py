"""A copy of this checkout, for tests that change the contract."""

import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
_LEFT_OUT = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info", "build", "dist", "node_modules")


def copy_of_checkout(folder: Path) -> Path:
    """Copy what is worked on into `folder`/checkout."""
    return Path(shutil.copytree(ROOT, folder / "checkout", ignore=_LEFT_OUT))


def walk_blocks() -> dict[str, str]:
    """File name -> the text that docs/regeneration.md puts there."""
    page = (ROOT / "docs" / "regeneration.md").read_text()
    return dict(re.findall(r"<!-- walk: (\S+) -->\n```\w+\n(.*?)```\n", page, re.DOTALL))


def describe_greeting(checkout: Path) -> None:
    """The first step of the walk: `get-greeting` in the spec."""
    spec = checkout / "spec" / "openapi.yaml"
    spec.write_text(spec.read_text().replace("\npaths:\n", "\npaths:\n" + walk_blocks()["spec/openapi.yaml"], 1))
