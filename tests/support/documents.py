"""Documents of real platforms. They are not ours to ship: tests that want them look beside the repository."""

import os
from pathlib import Path

import pytest

VARIABLE = "TOOLGATE_OPENAPI_DOCUMENTS"
FOLDER = Path(os.environ.get(VARIABLE) or Path(__file__).parents[3] / "shared" / "data" / "openapi")


def real_document(name: str) -> bytes:
    """The bytes of a document, by its file's name; skips the test where it is not at hand."""
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"{name} is neither in {VARIABLE} nor beside the repository (../shared/data/openapi)")
    return path.read_bytes()
