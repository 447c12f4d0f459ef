"""How well and how fast actions are found: `python -m benchmarks.search --output search.json`.

Recall: the goals of StableToolBench's G1 and G2 (`G1_instruction.json`, `G2_instruction.json`), over all APIs that the
two files name. Recall@k is the part of a goal's APIs among the first k, all-gold@10 the part of goals with all of them
among the first 10. Both halves of the goals, every other one, are shown: a change of the weights counts only where it
holds on the half that it was not made for.

Cost: a catalogue of about 20,000 actions, those APIs and made-up platforms beside them. Times are of a whole `search`,
with reasons and needs; memory is what the built index keeps.
"""

import argparse
import gc
import json
import random
import re
import time
import tracemalloc
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

from gateway.catalog.model import Action, Body, Connector, Parameter
from gateway.catalog.search import ActionIndex

DATA: Final = Path(__file__).resolve().parents[2] / "shared" / "data" / "search"
SETS: Final = ("G1", "G2")
ACTIONS: Final = 20_000

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal and the (connector id, action id) of what fulfils it."""

    text: str
    gold: frozenset[Key]


@dataclass(frozen=True, slots=True)
class Recall:
    """Each a part of 1."""

    at_5: float
    at_10: float
    all_gold: float


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one index: seconds, mebibytes, milliseconds."""

    actions: int
    build_s: float
    memory_mib: float
    p50_ms: float
    p99_ms: float


def read(data: Path) -> tuple[list[Connector], dict[str, list[Goal]]]:
    """The connectors of all sets, and the goals of each. SystemExit with a sentence where the data is not there."""
    missing = [name for name in SETS if not (data / f"{name}_instruction.json").is_file()]
    if missing:
        raise SystemExit(f"{data} has no {missing[0]}_instruction.json: give StableToolBench's folder with --data.")
    rows = {name: json.loads((data / f"{name}_instruction.json").read_text()) for name in SETS}
    tools: dict[str, dict[str, dict[str, Any]]] = {}
    for row in (row for name in SETS for row in rows[name]):
        for api in row["api_list"]:
            tools.setdefault(api["tool_name"], {}).setdefault(api["api_name"], api)
    keys: dict[Key, Key] = {}
    connectors: dict[str, Connector] = {}
    for tool, apis in tools.items():
        connector_id = _slug(tool).lower()
        while connector_id in connectors:
            connector_id += "-other"
        connector = connectors[connector_id] = _connector(connector_id, tool, apis)
        keys |= {(tool, api): (connector_id, one) for api, one in zip(apis, connector.actions, strict=True)}
    goals = {
        name: [
            Goal(row["query"], frozenset(keys[tool, api] for tool, api in row["relevant APIs"])) for row in rows[name]
        ]
        for name in SETS
    }
    return list(connectors.values()), goals


def _connector(connector_id: str, tool: str, apis: dict[str, dict[str, Any]]) -> Connector:
    actions: dict[str, Action] = {}
    for name, api in apis.items():
        action_id = _slug(name)[:50]
        if action_id in actions:
            action_id = f"{action_id}-{len(actions)}"
        actions[action_id] = Action(
            connector_id=connector_id,
            action_id=action_id,
            alias=None,
            method=api["method"],
            # The data names no paths, and none are made up for it.
            path="/",
            title=name,
            description=api["api_description"] or "",
            resource="",
            parameters=tuple(
                Parameter(
                    name=given["name"],
                    location="query",
                    required=False,
                    schema={},
                    description=given["description"] or "",
                )
                for given in (*api["required_parameters"], *api["optional_parameters"])
            ),
        )
    category = next(iter(apis.values()))["category_name"]
    return _platform(connector_id, tool, (category,), actions)


def _platform(connector_id: str, name: str, category: tuple[str, ...], actions: dict[str, Action]) -> Connector:
    return Connector(
        connector_id=connector_id,
        name=name,
        description="",
        category=category,
        base_url="https://api.example.com",
        actions=actions,
        authentication=(),
    )


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-") or "unnamed"


def recall(index: ActionIndex, goals: Sequence[Goal]) -> Recall:
    """How much of what fulfils the goals is found."""
    at_5 = at_10 = all_gold = 0.0
    for goal in goals:
        found = [(hit.action.connector_id, hit.action.action_id) for hit in index.search(goal.text, limit=10)]
        at_5 += len(goal.gold.intersection(found[:5])) / len(goal.gold)
        at_10 += len(goal.gold.intersection(found)) / len(goal.gold)
        all_gold += goal.gold.issubset(found)
    return Recall(at_5 / len(goals), at_10 / len(goals), all_gold / len(goals))


def halves(goals: Sequence[Goal]) -> dict[str, Sequence[Goal]]:
    """Every other goal, and those between: what is tuned on the one is checked on the other."""
    return {"even": goals[::2], "odd": goals[1::2]}


_ENTITY_WORDS: Final = """account address agent article asset attendee board booking budget campaign card cart category
channel chart clause client company contact contract course coupon customer deal delivery device document driver email
employee event expense feature field file folder form goal group guest holiday image invoice item job label lead lesson
license list location meeting member menu message metric milestone note notification offer order page partner payment
payout permission person photo pipeline plan policy post price product profile project quote rating receipt record
refund region release reminder report request review role room route rule sale schedule section segment service session
shift shipment site sprint stage store subscription supplier survey tag task tax team template ticket timer topic
transaction transfer trip unit user vehicle venue version video visit voucher warehouse webhook workflow"""
_ENTITIES: Final = _ENTITY_WORDS.split()
_NAMES: Final = ("acme", "bright", "cedar", "delta", "ember", "flint", "gamma", "harbor", "indigo", "juniper", "nova")
_QUALITIES: Final = ("active", "archived", "recent", "overdue", "shared", "public", "private", "custom", "verified")


def made_up(actions: int) -> Iterator[Connector]:
    """Platforms of 60 actions each, `actions` in all: five on each of some entities, nested two deep."""
    chance = random.Random(1)
    left, number = actions, 0
    while left > 0:
        number += 1
        connector_id = f"{chance.choice(_NAMES)}-{number}"
        made: dict[str, Action] = {}
        for outer, inner in zip(chance.sample(_ENTITIES, 12), chance.sample(_ENTITIES, 12), strict=True):
            for action in _resource(connector_id, outer, inner, chance):
                if len(made) < min(60, left):
                    made[action.action_id] = action
        left -= len(made)
        yield _platform(connector_id, connector_id.title(), (chance.choice(_ENTITIES),), made)


def _resource(connector_id: str, outer: str, inner: str, chance: random.Random) -> Iterator[Action]:
    whole, one = f"/v1/{outer}s/{{{outer}Id}}/{inner}s", f"/v1/{outer}s/{{{outer}Id}}/{inner}s/{{{inner}Id}}"
    for verb, method, path in (
        ("list", "GET", f"/v1/{outer}s"),
        ("create", "POST", whole),
        ("get", "GET", one),
        ("update", "PATCH", one),
        ("delete", "DELETE", one),
    ):
        entity = outer if verb == "list" else inner
        words = " ".join(chance.choices(_ENTITIES, k=25))
        yield Action(
            connector_id=connector_id,
            action_id=f"{verb}{outer.title()}{'' if verb == 'list' else inner.title()}",
            alias=None,
            method=method,
            path=path,
            title=f"{verb.title()} {chance.choice(_QUALITIES)} {entity}s",
            description=f"{verb.title()}s the {entity} of a {outer}. {words}",
            resource=outer,
            parameters=tuple(
                Parameter(name=name, location="path", required=True, schema={}, description=f"Id of the {name[:-2]}.")
                for name in re.findall(r"\{(\w+)\}", path)
            ),
            body=Body(
                media_type="application/json",
                required=True,
                schema={"type": "object", "properties": {name: {} for name in chance.sample(_ENTITIES, 6)}},
            )
            if method in ("POST", "PATCH")
            else None,
        )


def cost(connectors: Collection[Connector], goals: Sequence[str], rounds: int = 3) -> Cost:
    """What an index over the connectors takes, and what a search of it takes over `rounds` of all goals."""
    started = time.perf_counter()
    index = ActionIndex.build(connectors)
    build = time.perf_counter() - started
    times = []
    for goal in (goal for _ in range(rounds) for goal in goals):
        started = time.perf_counter()
        index.search(goal, limit=10)
        times.append(time.perf_counter() - started)
    times.sort()
    del index
    gc.collect()
    # Tracing slows building down: a second index, only to be weighed.
    tracemalloc.start()
    index = ActionIndex.build(connectors)
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return Cost(
        actions=len(index),
        build_s=build,
        memory_mib=kept / 2**20,
        p50_ms=times[len(times) // 2] * 1000,
        p99_ms=times[len(times) * 99 // 100] * 1000,
    )


def measure(data: Path, actions: int) -> dict[str, Any]:
    """All figures, as JSON: `recall` by set and half, `cost`."""
    connectors, goals = read(data)
    index = ActionIndex.build(connectors)
    figures: dict[str, Any] = {"pool": {"actions": len(index), "connectors": len(connectors)}, "recall": {}}
    for name in SETS:
        figures["recall"][name] = {
            half: {"goals": len(some), **_rounded(recall(index, some))} for half, some in halves(goals[name]).items()
        }
    texts = [goal.text for name in SETS for goal in goals[name]]
    texts += [f"update the {outer} of a {inner} and send it by email" for outer, inner in pairwise(_ENTITIES)]
    figures["cost"] = _rounded(cost([*connectors, *made_up(actions - len(index))], texts))
    return figures


def _rounded(figures: Recall | Cost) -> dict[str, float]:
    return {name: round(getattr(figures, name), 3) for name in figures.__slots__}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the search for actions.")
    parser.add_argument("--data", type=Path, default=DATA, help="folder with StableToolBench's instruction files")
    parser.add_argument("--output", type=Path, help="file to write the figures to, as JSON")
    parser.add_argument("--actions", type=int, default=ACTIONS, help="how many actions to measure cost with")
    options = parser.parse_args()
    figures = measure(options.data, options.actions)
    print(f"{'goals':14}{'recall@5':>10}{'recall@10':>11}{'all gold@10':>13}")
    for name, by_half in figures["recall"].items():
        for half, row in by_half.items():
            print(f"{name + ' ' + half:14}{row['at_5']:>10.3f}{row['at_10']:>11.3f}{row['all_gold']:>13.3f}")
    row = figures["cost"]
    print(
        f"{row['actions']:,} actions: built in {row['build_s']:.1f} s, {row['memory_mib']:.0f} MiB, "
        f"search p50 {row['p50_ms']:.2f} ms, p99 {row['p99_ms']:.2f} ms"
    )
    if options.output:
        options.output.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
