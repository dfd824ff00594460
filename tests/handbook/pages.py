"""The pages of the handbook as Markdown, made from the strategy files and the pictures of their lanes."""

from collections.abc import Iterable
from pathlib import Path

from webapp.catalog.documentation import Block, Piece, read_documentation
from webapp.catalog.parameters import read_parameters
from workers.core.capabilities import FEATURES
from workers.core.strategy import FAMILIES, Strategy

FOLDER = Path(__file__).parents[2] / "docs/handbook"


def write_page(strategy: Strategy) -> None:
    """Write one strategy's page; its picture is there already."""
    example = strategy.example
    needs = ", ".join(FEATURES[need] for need in sorted(strategy.needs))
    settings = strategy.describe(strategy.params.model_validate(dict(example.params)))
    parts = [
        f"# {strategy.title}",
        strategy.summary,
        f"![A lane of {strategy.title}]({strategy.slug}.png)",
        f"The worked example, {settings}: “{' '.join(example.question.split())}” {_count(example.calls, 'call')}, "
        f"{example.depth} in sequence. The model is scripted, everything else is real.",
        *(_block(block) for block in read_documentation(strategy.documentation)),
        *([f"**Needs** {needs}."] if needs else []),
        *_parameters(strategy),
    ]
    (FOLDER / f"{strategy.slug}.md").write_text("\n\n".join(parts) + "\n")


def write_contents(strategies: Iterable[Strategy]) -> None:
    """Write the list of all pages, by family."""
    families: dict[str, list[str]] = {}
    for strategy in strategies:
        if (FOLDER / f"{strategy.slug}.md").exists():
            line = f"- [{strategy.title}]({strategy.slug}.md): {_lower(strategy.summary)}"
            families.setdefault(FAMILIES[strategy.family], []).append(line)
    parts = [
        "# Handbook",
        "A page for each strategy, with a lane of its worked example. `make handbook` writes all of it anew from the "
        "strategy files; change those, not these.",
        *("\n\n".join((f"## {family}", "\n".join(lines))) for family, lines in families.items()),
    ]
    (FOLDER / "README.md").write_text("\n\n".join(parts) + "\n")


def _block(block: Block) -> str:
    label = f"**{block.label}.** " if block.label else ""
    items = [f"{place}. {_text(item)}" for place, item in enumerate(block.items, 1)]
    return "\n".join([label + _text(block.pieces), *([""] if items else []), *items]).strip()


def _text(pieces: Iterable[Piece]) -> str:
    return "".join(map(_piece, pieces))


def _piece(piece: Piece) -> str:
    if piece.is_code:
        return f"`{piece.text}`"
    return f"[{piece.text}]({piece.url})" if piece.url else _plain(piece.text)


def _plain(text: str) -> str:
    """Return a text in which nothing is markup."""
    return "".join(f"\\{letter}" if letter in "*_<>[]|" else letter for letter in text)


def _parameters(strategy: Strategy) -> list[str]:
    rows = [
        f"| `{each.name}` | {_plain(each.shown_default or 'none')} | {_plain(each.range)} | {_plain(each.help)} |"
        for each in read_parameters(strategy.params)
    ]
    return ["\n".join(["| parameter | default | range | what it sets |", "|---|---|---|---|", *rows])] if rows else []


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
