"""What the pages say about strategies, from the strategy files alone."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

from asgiref.sync import async_to_sync
from pydantic import ValidationError

from webapp.catalog.documentation import Block, Piece, read_documentation, read_pieces
from webapp.catalog.drawing import Diagram, count_roles, count_widest, draw
from webapp.catalog.parameters import Parameter, read_parameters, show_value
from workers import strategies
from workers.core.capabilities import FEATURES, Feature
from workers.core.estimate import Estimate, estimate_cost
from workers.core.events import (
    AnswerGiven,
    CallFinished,
    CallStarted,
    LaneFinished,
    LaneStarted,
    Ledger,
    NodePlaced,
    RoundOpened,
    StatisticTaken,
    TextDelta,
    WorkspaceWritten,
)
from workers.core.playing import Played, play_example, play_silently
from workers.core.strategy import FAMILIES, Strategy
from workers.core.values import Answer, Sampling

MOST_CALLS = 256
MOST_DRAWN = (40, 9)
"""Calls and depth of the largest picture that can be read."""


class CostRow(NamedTuple):
    """What a lane costs with some settings."""

    settings: str
    estimate: Estimate


class ExampleRound(NamedTuple):
    """A round of the worked example."""

    name: str
    counts: str
    calls: list[CallFinished]
    workspaces: list[WorkspaceWritten]


class Entry(NamedTuple):
    """Everything that the page of one strategy shows."""

    strategy: Strategy
    family: str
    blocks: dict[str, list[Block]]
    """First word of a label to what the docstring says under it; unlabelled paragraphs stand under `about`."""
    diagram: Diagram
    diagram_of: str
    """What the picture shows, in words."""
    play: dict[str, Any]
    """The worked example as a lane's facts and events."""
    costs: list[CostRow]
    parameters: Sequence[Parameter]
    rounds: list[ExampleRound]
    ledger: Ledger
    """Of the worked example."""
    widest: int
    """Most calls at once, with default parameters."""

    @property
    def lead(self) -> list[Piece]:
        """Return what the strategy does."""
        return read_pieces(self.strategy.summary)

    @property
    def needs(self) -> list[tuple[Feature, str]]:
        """Return what the server must offer beyond chat."""
        return _needs(self.strategy)


class Summary(NamedTuple):
    """A strategy in a list."""

    strategy: Strategy
    cost: Estimate

    @property
    def needs(self) -> list[tuple[Feature, str]]:
        """Return what the server must offer beyond chat."""
        return _needs(self.strategy)


def strategies_by_family(search: str = "") -> list[tuple[str, list[Summary]]]:
    """Return the strategies whose name or summary holds a text, by family."""
    text = search.casefold().strip()
    families: dict[str, list[Summary]] = {}
    for strategy in strategies.catalog().values():
        if text in f"{strategy.title} {strategy.short} {strategy.slug} {strategy.summary}".casefold():
            summary = Summary(strategy, _default_cost(strategy.slug))
            families.setdefault(FAMILIES[strategy.family], []).append(summary)
    return list(families.items())


def count_strategies() -> int:
    """Return how many strategies there are."""
    return len(strategies.catalog())


@cache
def find_entry(slug: str) -> Entry | None:
    """Return the page of a strategy, or None if there is no such strategy."""
    strategy = strategies.catalog().get(slug)
    if strategy is None:
        return None
    shape = asyncio.run(play_silently(strategy, strategy.params(), random=_chance()))
    example = asyncio.run(play_example(strategy, random=_chance()))
    is_drawn = shape.answer is not None and shape.ledger.calls <= MOST_DRAWN[0] and shape.ledger.depth <= MOST_DRAWN[1]
    return Entry(
        strategy=strategy,
        family=FAMILIES[strategy.family],
        blocks=_sections(strategy),
        diagram=draw(shape if is_drawn else example),
        diagram_of="With default parameters" if is_drawn else "Of the worked example",
        play=_play(strategy, example),
        costs=_costs(strategy),
        parameters=read_parameters(strategy.params),
        rounds=_example_rounds(example),
        ledger=example.ledger,
        widest=count_widest(shape),
    )


def _play(strategy: Strategy, played: Played) -> dict[str, Any]:
    """Return what the browser plays: the events of a whole lane with the id 1."""
    params = strategy.params.model_validate(dict(strategy.example.params))
    answer, end = played.answer or Answer(text="", answer=None), len(played.events)
    told = (
        LaneStarted(lane=1, at=0),
        *(event for event in played.events if not isinstance(event, TextDelta)),  # the film writes word by word
        AnswerGiven(lane=1, at=end, is_partial=False, **answer.model_dump()),
        LaneFinished(lane=1, at=end, ledger=played.ledger, seconds=0, stopped_by=""),
    )
    facts = {
        "id": 1, "column": 0, "row": 0, "repeat": 0, "status": "queued", "strategy": strategy.slug,
        "title": strategy.title, "short": strategy.short, "family": strategy.family,
        "describe": strategy.describe(params), "params": params.model_dump(mode="json"),
        "sampling": Sampling().model_dump(), "model": "scripted", "shows": what_lanes_show(strategy.slug)._asdict(),
        "estimate": {"calls": played.ledger.calls},
    }  # fmt: skip
    return {"facts": facts, "events": [{**event.model_dump(mode="json"), "lane": 1} for event in told]}


class Shown(NamedTuple):
    """What lanes of a strategy show besides calls, by its worked example."""

    nodes: bool
    statistics: list[str]
    """Their names."""


@cache
def what_lanes_show(slug: str) -> Shown:
    """Return it, so that a lane's boxes can stand before the first event."""
    played = async_to_sync(play_example)(strategies.catalog()[slug], random=_chance())
    names = [event.name for event in played.events if isinstance(event, StatisticTaken)]
    return Shown(any(isinstance(event, NodePlaced) for event in played.events), list(dict.fromkeys(names)))


def _needs(strategy: Strategy) -> list[tuple[Feature, str]]:
    return [(need, FEATURES[need]) for need in sorted(strategy.needs)]


def _sections(strategy: Strategy) -> dict[str, list[Block]]:
    sections: dict[str, list[Block]] = {}
    for block in read_documentation(strategy.documentation):
        sections.setdefault(block.label.partition(" ")[0].lower() or "about", []).append(block)
    return sections


@cache
def _default_cost(slug: str) -> Estimate:
    strategy = strategies.catalog()[slug]
    return _cost(strategy, strategy.params())


def _cost(strategy: Strategy, params: Any) -> Estimate:
    return asyncio.run(
        estimate_cost(
            strategy, params, question=strategy.example.question, sampling=Sampling(), random=_chance(),
            most_calls=MOST_CALLS,
        )
    )  # fmt: skip


def _chance() -> random.Random:
    return random.Random(0)


def _costs(strategy: Strategy) -> list[CostRow]:
    """Return the cost of the defaults, and of single changes that alter calls or depth."""
    rows = [CostRow("Defaults", _default_cost(strategy.slug))]
    for parameter in read_parameters(strategy.params):
        for value in _variants(parameter):
            try:
                params = strategy.params.model_validate({parameter.name: value})
            except ValidationError:
                continue
            cost = _cost(strategy, params)
            if not cost.is_cut and cost[:2] != rows[0].estimate[:2]:
                rows.append(CostRow(f"{parameter.title} {show_value(value)}", cost))
    return rows


def _variants(parameter: Parameter) -> Iterator[Any]:
    """Yield other values worth showing the cost of."""
    if parameter.kind == "choice":
        yield from (choice for choice in parameter.choices if choice != parameter.default)
    elif parameter.kind == "boolean":
        yield not parameter.default
    elif parameter.kind == "integer" and parameter.default:
        yield 2 * parameter.default
    elif parameter.kind == "integers" and parameter.default:
        first, *rest = parameter.default
        yield (2 * first, *rest)
        yield (first, *parameter.default)


def _example_rounds(played: Played) -> list[ExampleRound]:
    roles = {event.call: event for event in played.events if isinstance(event, CallStarted)}
    rounds = []
    for opened in (event for event in played.events if isinstance(event, RoundOpened)):
        inside = [key for key, call in roles.items() if call.round == opened.index]
        calls = [event for event in played.events if isinstance(event, CallFinished) and event.call in inside]
        calls.sort(key=lambda call: inside.index(call.call))
        written = [e for e in played.events if isinstance(e, WorkspaceWritten) and e.round == opened.index]
        rounds.append(ExampleRound(opened.name, count_roles(roles[key].role for key in inside), calls, written))
    return rounds
