"""The floors of docs/architecture.md: imports run down or stay in their folder, and there is no circle."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("spec", "handlers", "gateway", "storage")
GROUND = 0


def floors() -> dict[str, int]:
    """Room -> floor, read from the drawing itself."""
    drawing = (ROOT / "docs" / "architecture.md").read_text().split("```")[1]
    found: dict[str, int] = {}
    package = ""
    for line in drawing.splitlines():
        name = re.match(r"(\s*)([\w./, ]+?)(?:\s{2,}|$)", line)
        if not name:
            continue
        level = re.search(r"(?:floor (\d+)|(ground|imports nothing))\)?\s*$", line)
        for room in (part.strip().rstrip("/").removesuffix(".py") for part in name[2].split(",")):
            if not name[1]:
                package = room
            full = room if not name[1] else f"{package}.{room}"
            if level:
                found[full] = int(level[1]) if level[1] else GROUND
    return found


FLOORS = floors()


def room_of(module: str) -> str | None:
    """The room of a dotted module name: the longest name that the drawing knows."""
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        if (name := ".".join(parts[:length])) in FLOORS:
            return name
    return None


def modules() -> list[Path]:
    return sorted(
        path for package in PACKAGES for path in (ROOT / package).rglob("*.py") if "migrations" not in path.parts
    )


def imports_of(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] in PACKAGES}


def dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_the_drawing_is_read() -> None:
    assert FLOORS["gateway.servers"] > FLOORS["gateway.access"] > FLOORS["storage"]


@pytest.mark.parametrize("path", modules(), ids=dotted)
def test_every_module_stands_on_a_floor_and_looks_down(path: Path) -> None:
    if dotted(path) == "gateway":
        return
    own = room_of(dotted(path))
    assert own is not None, f"{dotted(path)} stands in no room of docs/architecture.md"
    for name in imports_of(path):
        other = room_of(name)
        assert other is not None, f"{name} stands in no room of docs/architecture.md"
        assert other == own or FLOORS[other] < FLOORS[own] or (FLOORS[other] == FLOORS[own] == GROUND), (
            f"{dotted(path)} (floor {FLOORS[own]}) imports {name} (floor {FLOORS[other]})"
        )


def test_no_circles() -> None:
    graph = {dotted(path): {target for name in imports_of(path) for target in _targets(name)} for path in modules()}
    done: set[str] = set()

    def visit(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join((*way[way.index(module) :], module))
        if module not in done:
            for target in graph.get(module, ()):
                if target != module:
                    visit(target, (*way, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def _targets(name: str) -> set[str]:
    """`from a.b import c` may mean the module a.b.c or a name in a.b."""
    whole = ROOT.joinpath(*name.split("."))
    if whole.with_suffix(".py").exists() or (whole / "__init__.py").exists():
        return {name}
    return {name.rpartition(".")[0]}
