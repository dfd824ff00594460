"""The state of each part in words, as the status page shows it."""

from typing import NamedTuple

from webapp.runs.models_on_server import ServedModel
from webapp.status.model_figures import ModelFigures
from webapp.status.parts import MOST_MODELS, DatabaseState, Down, ModelState, ProcessState, RedisState, Status
from workers.core.capabilities import FEATURES, Capabilities

NOT_EXPORTED = "not exported"


class Card(NamedTuple):
    """One part: whether it answers, and what it says."""

    title: str
    is_up: bool
    facts: list[tuple[str, str]]
    reason: str = ""
    """Why it is down."""


def make_cards(status: Status) -> list[Card]:
    """Return a card for every part, in the order in which work passes through them."""
    return [
        _database_card(status.database),
        _redis_card(status.redis),
        _work_card(status),
        _model_card(status.model, _held(status)),
    ]


def _database_card(state: DatabaseState | Down) -> Card:
    if isinstance(state, Down):
        return Card("Database", is_up=False, facts=[], reason=state.reason)
    return Card(
        "Database",
        is_up=True,
        facts=[
            ("Version", f"PostgreSQL {state.version}"),
            ("Answers in", f"{state.milliseconds:.1f} ms"),
            ("Migrations", f"{state.missing_migrations} missing" if state.missing_migrations else "all applied"),
            ("Connections", f"{state.connections} of {state.most_connections}"),
            ("Size", _megabytes(state.megabytes)),
        ],
    )


def _redis_card(state: RedisState | Down) -> Card:
    if isinstance(state, Down):
        return Card("Redis", is_up=False, facts=[], reason=state.reason)
    limit = f" of {_megabytes(state.most_megabytes)}" if state.most_megabytes else ", no limit set"
    return Card(
        "Redis",
        is_up=True,
        facts=[
            ("Version", f"Redis {state.version}"),
            ("Answers in", f"{state.milliseconds:.1f} ms"),
            ("Memory", f"{_megabytes(state.megabytes)}{limit}"),
            ("Append-only file", "on" if state.has_aof else "off"),
            ("When full", "refuses writes" if state.never_evicts else "forgets keys"),
        ],
    )


def _work_card(status: Status) -> Card:
    unknown, redis, lanes = "unknown", status.redis, status.lanes
    workers = [] if isinstance(redis, Down) else [one for one in redis.processes if not one.is_web]
    speed = sum(one.report.tokens_per_second for one in workers)
    queues = {} if isinstance(redis, Down) else redis.queues
    return Card(
        "Work",
        is_up=bool(workers),
        facts=[
            ("Lanes waiting", f"{lanes['queued']:,}" if lanes else unknown),
            ("Lanes running", f"{lanes['running']:,}" if lanes else unknown),
            *((f"Tasks in {queue}", f"{length:,}") for queue, length in queues.items()),
            ("Workers", f"{len(workers)}"),
            ("Writing", f"{speed:,.0f} tokens/s"),
        ],
        reason="" if workers else "No worker reports: lanes wait until one does.",
    )


def _held(status: Status) -> float | None:
    """Return how many requests the workers say they have open; None if they cannot be asked."""
    if isinstance(status.redis, Down):
        return None
    return sum(process.figures.get("open_streams", 0) for process in status.redis.processes)


def _model_card(state: ModelState | Down, held: float | None) -> Card:
    if isinstance(state, Down):
        return Card("Model server", is_up=False, facts=[], reason=state.reason)
    figures = state.figures
    models = [
        fact
        for model in state.models[:MOST_MODELS]
        for fact in (("Model", _model(model)), *_abilities(state.capabilities.get(model.name)))
    ]
    more = [("And", f"{len(state.models) - MOST_MODELS} more models")] if len(state.models) > MOST_MODELS else []
    return Card(
        "Model server", is_up=True, facts=[("Address", state.address), *models, *more, *_figures(figures, held)]
    )


def _model(model: ServedModel) -> str:
    return (
        f"{model.name}, {model.context_tokens:,} tokens of context"
        if model.context_tokens
        else f"{model.name}, context unknown"
    )


def _abilities(known: Capabilities | None) -> list[tuple[str, str]]:
    """Return what a model offers and what it does not, in words; what nobody found out is in neither."""
    if known is None:
        return [("Offers", "not found out yet")]
    offers, lacks = (
        ", ".join(name for feature, name in FEATURES.items() if known.find(feature).is_there is there)
        for there in (True, False)
    )
    return [("Offers", offers or "nothing known"), *([("Does not offer", lacks)] if lacks else [])]


def _figures(figures: ModelFigures, held: float | None) -> list[tuple[str, str]]:
    return [
        ("Requests running", _count(figures.running)),
        ("Requests waiting", _count(figures.waiting)),
        ("Requests of nobody here", _count(count_strangers(figures, held))),
        ("Cache in use", _part(figures.cache)),
        ("Prompt tokens from cache", _part(figures.prefix_hits)),
        ("Put back for want of cache", _count(figures.preempted)),
        ("Tokens written", _count(figures.written)),
        ("Tokens read", _count(figures.read)),
    ]


def count_strangers(figures: ModelFigures, held: float | None) -> int | None:
    """Return how many requests the server works on that no worker of this site holds; None if either side is silent.

    They are other people's, or streams that nobody closed. Workers report each 3 s: for so long a figure may be off.

    >>> count_strangers(ModelFigures(running=5, waiting=1), 4.0), count_strangers(ModelFigures(running=1), 3.0)
    (2, 0)
    """
    if figures.running is None or held is None:
        return None
    return max(0, figures.running + (figures.waiting or 0) - round(held))


def _count(number: int | None) -> str:
    return NOT_EXPORTED if number is None else f"{number:,}"


def _part(part: float | None) -> str:
    return NOT_EXPORTED if part is None else f"{part:.1%}"


def _megabytes(number: float) -> str:
    return f"{number / 1000:,.1f} GB" if number >= 1000 else f"{number:,.1f} MB"


class Row(NamedTuple):
    """One process, as its row shows it; empty where a figure is not its own."""

    name: str
    takes: str
    version: str
    up: str
    seen: str
    lanes: str
    streams: str
    speed: str
    viewers: str
    memory: str


def make_rows(status: Status) -> list[Row]:
    """Return a row for every process, web processes first."""
    if isinstance(status.redis, Down):
        return []
    return [_row(one) for one in sorted(status.redis.processes, key=lambda one: (not one.is_web, one.report.name))]


def _row(process: ProcessState) -> Row:
    report, figures = process.report, process.figures
    work = ("", "", "")
    if not process.is_web:
        lanes, streams = figures.get("lanes_held", 0), figures.get("open_streams", 0)
        work = (f"{lanes:,.0f}", f"{streams:,.0f}", f"{report.tokens_per_second:,.0f}")
    return Row(
        report.name, "visitors" if process.is_web else f"tasks from {report.kind}", report.version or "not set",
        _duration(report.up_seconds), f"{report.age_seconds:.0f} s ago", *work,
        f"{figures.get('viewers', 0):,.0f}" if process.is_web else "",
        _megabytes(figures.get("process_resident_memory_bytes", 0) / 1e6),
    )  # fmt: skip


def _duration(seconds: float) -> str:
    """Return a time in its two largest units.

    >>> _duration(59), _duration(3700), _duration(90_000)
    ('59 s', '1 h 1 min', '1 d 1 h')
    """
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if days:
        return f"{days:.0f} d {hours % 24:.0f} h"
    if hours:
        return f"{hours:.0f} h {minutes % 60:.0f} min"
    return f"{minutes:.0f} min" if minutes else f"{seconds:.0f} s"
