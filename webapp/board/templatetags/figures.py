"""How figures are written on a board."""

from django import template

from webapp.board.charts import short_number
from webapp.runs.templatetags.amounts import clock

register = template.Library()
register.filter("tokens", short_number)
register.filter("clock", clock)


@register.filter
def percent(rate: float, digits: int = 1) -> str:
    """Return a rate in percent, without the sign.

    >>> percent(0.7583), percent(0.7, 0)
    ('75.8', '70')
    """
    return f"{100 * rate:.{digits}f}"
