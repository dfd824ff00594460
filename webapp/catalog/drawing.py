"""Draw a strategy's call graph, round by round, from the events of a play. Pure: events in, coordinates out."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from workers.core.events import CallStarted, RoundOpened, WorkspaceWritten
from workers.core.lane import SOLUTION_ROLES
from workers.core.playing import Played

TOP, MIDDLE, BOTTOM, SPAN = 0, 132, 226, 150
LEFT, GAP, BOX_GAP, LEAST_WIDTH = 64, 86, 66, 560
BIG, SMALL = 13, 7


class Node(NamedTuple):
    """A call."""

    x: float
    y: float
    radius: float
    letter: str
    """First letter of its role, for calls that offer no solution."""
    is_critical: bool

    @property
    def baseline(self) -> float:
        """Return where the letter stands."""
        return self.y + 4


class Edge(NamedTuple):
    """Text that goes from one call into the prompt of another."""

    path: str
    is_critical: bool


class Box(NamedTuple):
    """The workspaces of a round."""

    x: float
    y: float
    label: str

    @property
    def left(self) -> float:
        """Return the left edge; a box is 40 wide and 52 high."""
        return self.x - 20

    @property
    def top(self) -> float:
        """Return the upper edge."""
        return self.y - 26

    @property
    def line(self) -> float:
        """Return where the lines in the box begin."""
        return self.x - 12


class Band(NamedTuple):
    """A round."""

    x: float
    width: float
    name: str
    counts: str

    @property
    def middle(self) -> float:
        """Return the middle of the band."""
        return self.x + self.width / 2


class Diagram(NamedTuple):
    """Everything that the picture shows, in its own units."""

    width: float
    nodes: list[Node]
    edges: list[Edge]
    boxes: list[Box]
    bands: list[Band]
    depths: list[tuple[float, int]]
    """(x, depth) of every column of calls."""
    description: str

    @property
    def answer_x(self) -> float:
        """Return where the word stands at the end."""
        return self.width - 54


class _Spot(NamedTuple):
    """Where edges leave and arrive."""

    left: float
    right: float
    y: float


def draw(played: Played) -> Diagram:
    """Return the picture of a play's call graph: one column for each depth, one band for each round."""
    calls = [event for event in played.events if isinstance(event, CallStarted)]
    workspaces = [event for event in played.events if isinstance(event, WorkspaceWritten)]
    names = {event.index: event.name for event in played.events if isinstance(event, RoundOpened)}
    depths = _depths(calls)
    columns = _by(depths, calls)
    written = _rounds(workspaces)
    boxes_after = {index: max(depths[key] for one in group for key in one.after) for index, group in written.items()}
    call_x, box_x, end = _place_columns(len(columns), boxes_after)
    critical = played.ledger.critical_path
    nodes, spots = _place_nodes(columns, call_x, set(critical))
    box_spots = {round_: _Spot(x - 20, x + 20, MIDDLE) for round_, x in box_x.items()}
    spots["problem"], spots["answer"] = _Spot(0, LEFT, MIDDLE), _Spot(end, end, MIDDLE)
    bands = _bands(calls, names, {call.call: spots[call.call] for call in calls}, box_spots)
    return Diagram(
        width=end + 60,
        nodes=nodes,
        edges=_edges(calls, workspaces, spots, box_spots, critical),
        boxes=[Box(x, MIDDLE, _limit_words(written[round_])) for round_, x in box_x.items()],
        bands=bands,
        depths=[(x, depth) for depth, x in call_x.items()],
        description="; ".join(f"{band.name}: {band.counts}" for band in bands)
        + f". Calls: {played.ledger.calls}, {played.ledger.depth} in sequence.",
    )


def _depths(calls: Iterable[CallStarted]) -> dict[str, int]:
    depths: dict[str, int] = {}
    for call in calls:
        depths[call.call] = 1 + max((depths[key] for key in call.after if key in depths), default=0)
    return depths


def _by(depths: dict[str, int], calls: Iterable[CallStarted]) -> dict[int, list[CallStarted]]:
    columns: dict[int, list[CallStarted]] = {}
    for call in calls:
        columns.setdefault(depths[call.call], []).append(call)
    return dict(sorted(columns.items()))


def _rounds(workspaces: Iterable[WorkspaceWritten]) -> dict[int, list[WorkspaceWritten]]:
    rounds: dict[int, list[WorkspaceWritten]] = {}
    for workspace in workspaces:
        if workspace.after:
            rounds.setdefault(workspace.round, []).append(workspace)
    return rounds


def _place_columns(count: int, boxes_after: dict[int, int]) -> tuple[dict[int, float], dict[int, float], float]:
    """Return the x of each depth, the x of each round's box, and where the answer begins."""
    stretch = max(1.0, (LEAST_WIDTH - LEFT) / (GAP * (count + 0.8) + BOX_GAP * len(boxes_after)))
    x, call_x, box_x = float(LEFT), {}, {}
    for depth in range(1, count + 1):
        x += GAP * stretch
        call_x[depth] = round(x, 1)
        for round_ in [index for index, after in boxes_after.items() if after == depth]:
            x += BOX_GAP * stretch
            box_x[round_] = round(x, 1)
    return call_x, box_x, round(x + GAP * 0.8 * stretch, 1)


def _place_nodes(
    columns: dict[int, list[CallStarted]], call_x: dict[int, float], critical: set[str]
) -> tuple[list[Node], dict[str, _Spot]]:
    nodes, spots = [], {}
    for depth, column in columns.items():
        step = min(34.0, SPAN / max(1, len(column) - 1))
        for place, call in enumerate(column):
            y = round(MIDDLE + (place - (len(column) - 1) / 2) * step, 1)
            helps = call.role not in SOLUTION_ROLES
            radius = round(max(1.5, min(BIG if helps else SMALL, step / 2 - 1)), 1)
            letter = call.role[:1].upper() if helps and radius >= 9 else ""
            nodes.append(Node(call_x[depth], y, radius, letter, call.call in critical))
            spots[call.call] = _Spot(call_x[depth] - radius, call_x[depth] + radius, y)
    return nodes, spots


def _edges(
    calls: Sequence[CallStarted], workspaces: Sequence[WorkspaceWritten], spots: dict[str, _Spot],
    boxes: dict[int, _Spot], critical: Sequence[str],
) -> list[Edge]:  # fmt: skip
    """Return all edges, critical ones last so that they lie on top."""
    steps = set(zip(("problem", *critical), (*critical, "answer"), strict=True))
    through = {workspace.after: workspace.round for workspace in workspaces if workspace.after}
    edges: dict[str, bool] = {}

    def connect(start: _Spot, end: _Spot, *, is_critical: bool) -> None:
        path = _curve(start, end)
        edges[path] = edges.get(path, False) or is_critical

    used: set[str] = set()
    for call in calls:
        used.update(call.after)
        round_ = through.get(call.after)
        for key in call.after or ("problem",):
            is_critical = (key, call.call) in steps
            if round_ is None:
                connect(spots[key], spots[call.call], is_critical=is_critical)
            else:
                connect(spots[key], boxes[round_], is_critical=is_critical)
                connect(boxes[round_], spots[call.call], is_critical=is_critical)
    for call in calls:
        if call.call not in used:
            connect(spots[call.call], spots["answer"], is_critical=(call.call, "answer") in steps)
    return sorted((Edge(path, is_critical) for path, is_critical in edges.items()), key=lambda edge: edge.is_critical)


def _curve(start: _Spot, end: _Spot) -> str:
    middle = round((start.right + end.left) / 2, 1)
    return f"M{start.right:g} {start.y:g}C{middle:g} {start.y:g} {middle:g} {end.y:g} {end.left:g} {end.y:g}"


def _bands(
    calls: Sequence[CallStarted], names: dict[int, str], spots: dict[str, _Spot], boxes: dict[int, _Spot]
) -> list[Band]:
    bands = []
    for index, name in names.items():
        inside = [call for call in calls if call.round == index]
        places = [spots[call.call] for call in inside] + ([boxes[index]] if index in boxes else [])
        if places:
            left, right = min(spot.left for spot in places) - 28, max(spot.right for spot in places) + 12
            bands.append(Band(round(left, 1), round(right - left, 1), name, count_roles(call.role for call in inside)))
    return bands


def count_roles(roles: Iterable[str]) -> str:
    """Return calls by role in words.

    >>> count_roles(["draft", "draft", "distill", "prefix", "prefix"])
    '2 drafts, 1 distill, 2 prefixes'
    """
    return ", ".join(f"{count} {_plural(role) if count > 1 else role}" for role, count in Counter(roles).items())


def _plural(role: str) -> str:
    return f"{role}{'es' if role.endswith('x') else 's'}"


def count_widest(played: Played) -> int:
    """Return the most calls that may run at once: the fullest column of the picture."""
    calls = [event for event in played.events if isinstance(event, CallStarted)]
    return max(Counter(_depths(calls).values()).values(), default=0)


def _limit_words(workspaces: Sequence[WorkspaceWritten]) -> str:
    several = f"{len(workspaces)} × " if len(workspaces) > 1 else ""
    return f"{several}≤ {workspaces[0].limit:,}"
