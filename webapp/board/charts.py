"""The geometry of a leaderboard's drawings, as numbers for SVG templates. No colors, no text styles."""

from collections.abc import Sequence
from itertools import pairwise, zip_longest
from math import ceil, floor, log10
from typing import NamedTuple

from webapp.board.statistics import Interval

WIDTH, HEIGHT = 470, 330
LEFT, RIGHT, TOP, BOTTOM = 30, 458, 12, 294
_LETTER = 6.4
"""Widest usual width of a letter at 11 px, bold."""
_LINE = 12


class Point(NamedTuple):
    """A recipe in the chart."""

    id: int
    label: str
    tokens: float
    accuracy: float
    interval: Interval
    is_ranked: bool = True


class Tick(NamedTuple):
    """A grid line and what it says."""

    at: float
    text: str


class Dot(NamedTuple):
    """A recipe's place in the drawing."""

    id: int
    x: float
    y: float
    low_y: float
    high_y: float
    is_front: bool
    title: str


class Label(NamedTuple):
    """A recipe's name in the drawing."""

    x: float
    y: float
    anchor: str
    text: str
    is_front: bool


class Scatter(NamedTuple):
    """Accuracy against tokens, ready to draw."""

    columns: list[Tick]
    lines: list[Tick]
    front: str
    """The frontier's path: the best accuracy at up to so many tokens. Empty with no ranked recipe."""
    dots: list[Dot]
    labels: list[Label]


class Scale(NamedTuple):
    """A linear map from values to places."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def draw_scatter(points: Sequence[Point]) -> Scatter:
    """Place points, frontier and labels; a label that fits nowhere is left out (the table names every row)."""
    across = _log_scale([point.tokens for point in points])
    low, high = accuracy_bounds([point.interval for point in points])
    up = Scale(low, high, BOTTOM, TOP)
    best = find_frontier([point for point in points if point.is_ranked])
    ids = {point.id for point in best}
    dots = [
        Dot(
            point.id,
            across(log10(max(1, point.tokens))),
            up(100 * point.accuracy),
            up(100 * point.interval.low),
            up(100 * point.interval.high),
            point.id in ids,
            f"{point.label}: {100 * point.accuracy:.1f} % at {point.tokens:,.0f} tokens",
        )
        for point in points
    ]
    front = [dot for point in best for dot in dots if dot.id == point.id]
    return Scatter(
        columns=[Tick(across(log10(at)), short_number(at)) for at in _log_ticks(across)],
        lines=[Tick(up(at), str(at)) for at in _percent_ticks(low, high)],
        front=_front_path(front),
        dots=dots,
        labels=place_labels(dots, [point.label for point in points], front),
    )


def find_frontier(points: Sequence[Point]) -> list[Point]:
    """Return the points that no other beats on both axes, cheapest first.

    >>> cheap, dear = Interval(0, 1), Interval(0, 1)
    >>> a, b, c = (Point(n, "", t, r, cheap) for n, t, r in [(1, 10, 0.5), (2, 20, 0.4), (3, 30, 0.6)])
    >>> [point.id for point in find_frontier([b, c, a])]
    [1, 3]
    """
    front: list[Point] = []
    for point in sorted(points, key=lambda one: (one.tokens, -one.accuracy)):
        if not front or point.accuracy > front[-1].accuracy:
            front.append(point)
    return front


def _front_path(dots: Sequence[Dot]) -> str:
    if not dots:
        return ""
    steps = "".join(f"H{dot.x}V{dot.y}" for dot in dots[1:])
    return f"M{dots[0].x} {dots[0].y}{steps}H{RIGHT}"


def accuracy_bounds(intervals: Sequence[Interval]) -> tuple[int, int]:
    """Return multiples of five, in percent, between which all intervals lie.

    >>> accuracy_bounds([Interval(0.52, 0.81)])
    (50, 85)
    """
    low = 5 * floor(20 * min((interval.low for interval in intervals), default=0))
    high = 5 * ceil(20 * max((interval.high for interval in intervals), default=1))
    return (low, high) if high > low else (max(0, low - 5), max(5, low))


def _percent_ticks(low: int, high: int) -> list[int]:
    step = 10 if high - low <= 60 else 20
    return [at for at in range(0, 101, step) if low <= at <= high]


def _log_scale(tokens: Sequence[float]) -> Scale:
    low = log10(max(1, min(tokens, default=1)) / 1.6)
    high = log10(max(10, max(tokens, default=10)) * 1.4)
    return Scale(low, high, LEFT, RIGHT)


def _log_ticks(across: Scale) -> list[int]:
    wanted = [step * 10**power for power in range(8) for step in (1, 2, 5)]
    shown = [at for at in wanted if across.low <= log10(at) <= across.high]
    return shown if len(shown) <= 7 else [at for at in shown if str(at).startswith("1")]


def short_number(value: float) -> str:
    """Return a count of tokens for dense places.

    >>> [short_number(value) for value in (0, 873, 9_960, 20_000, 98_400, 402_000, 999_960, 1_250_000)]
    ['0', '873', '10.0k', '20k', '98.4k', '402k', '1.0m', '1.2m']
    """
    whole = round(value)
    if whole < 1000:
        return str(whole)
    size, unit = (1_000_000, "m") if whole >= 999_500 else (1000, "k")
    scaled = whole / size
    if whole % size == 0 or round(scaled, 1) >= 100:
        return f"{scaled:.0f}{unit}"
    return f"{scaled:.1f}{unit}"


class _Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "_Box") -> bool:
        return (
            self.left < other.right and other.left < self.right and self.top < other.bottom and other.top < self.bottom
        )


def place_labels(dots: Sequence[Dot], texts: Sequence[str], front: Sequence[Dot]) -> list[Label]:
    """Put each text beside its dot where it touches no other text or dot, and if possible not the frontier's line.

    Recipes on the frontier choose first. A text that fits nowhere is left out.
    """
    taken = [_Box(dot.x - 5, dot.y - 5, dot.x + 5, dot.y + 5) for dot in dots]
    steps = _front_boxes(front)
    labels: list[Label] = []
    for dot, text in sorted(zip(dots, texts, strict=True), key=lambda one: not one[0].is_front):
        fitting = [label for label in _candidates(dot, text) if _fits(_box(label), taken)]
        clear = (label for label in fitting if not any(_box(label).overlaps(step) for step in steps))
        if fitting:
            labels.append(next(clear, fitting[0]))
            taken.append(_box(labels[-1]))
    return labels


def _fits(box: _Box, taken: Sequence[_Box]) -> bool:
    is_inside = box.left >= 2 and box.right <= WIDTH - 2 and box.top >= 2 and box.bottom <= BOTTOM
    return is_inside and not any(box.overlaps(other) for other in taken)


def _front_boxes(front: Sequence[Dot]) -> list[_Box]:
    flat = [
        _Box(dot.x, dot.y - 1, after.x if after else RIGHT, dot.y + 1) for dot, after in zip_longest(front, front[1:])
    ]
    rises = [_Box(after.x - 1, after.y, after.x + 1, dot.y) for dot, after in pairwise(front)]
    return flat + rises


def _candidates(dot: Dot, text: str) -> list[Label]:
    return [
        Label(round(dot.x + across, 1), round(dot.y + down, 1), anchor, text, dot.is_front)
        for reach in (0, 8, 18)
        for across, down, anchor in (
            (9, -6 - reach, "start"),
            (-9, -6 - reach, "end"),
            (9, 14 + reach, "start"),
            (-9, 14 + reach, "end"),
            (9 + reach, 4, "start"),
            (-9 - reach, 4, "end"),
            (0, -10 - reach, "middle"),
            (0, 19 + reach, "middle"),
        )
    ]


def _box(label: Label) -> _Box:
    width = _LETTER * len(label.text) + 2
    left = label.x - {"start": 0.0, "middle": width / 2, "end": width}[label.anchor]
    return _Box(left, label.y - _LINE + 2, left + width, label.y + 3)


class IntervalDrawing(NamedTuple):
    """An accuracy with its interval on a line, 132 by 20."""

    ticks: list[float]
    low: float
    high: float
    point: float


def draw_interval(accuracy: float, interval: Interval, bounds: tuple[int, int]) -> IntervalDrawing:
    """Place an accuracy and its interval between the bounds that the whole table shares."""
    across = Scale(*bounds, 5, 127)  # the point's own width stays inside
    return IntervalDrawing(
        ticks=[across(at) for at in _percent_ticks(*bounds)],
        low=across(100 * interval.low),
        high=across(100 * interval.high),
        point=across(100 * accuracy),
    )
