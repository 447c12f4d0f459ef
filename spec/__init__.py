"""The contract as files: the API, the tools, the shipped connectors. Data; imports nothing of ours."""

from importlib.resources import files

_ROOT = files(__name__)


def read(name: str) -> bytes:
    """The bytes of a file of this folder, for example `openapi.yaml` or `connectors/slack.yaml`."""
    return _ROOT.joinpath(name).read_bytes()


def connector_names() -> list[str]:
    """The ids of the shipped connector documents, sorted."""
    folder = _ROOT.joinpath("connectors")
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))
