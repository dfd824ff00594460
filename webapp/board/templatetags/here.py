"""The panel of a strategy's page that says what it did here: the catalog knows no runs, so the board draws it."""

from typing import Any

from django import template

from webapp.board.here import look_here
from workers.core.strategy import Strategy

register = template.Library()


@register.inclusion_tag("board/_here.html")
def what_happened_here(strategy: Strategy) -> dict[str, Any]:
    """Return what the panel shows."""
    return {"here": look_here(strategy), "strategy": strategy}
