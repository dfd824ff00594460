"""How figures are written on a board."""

from django import template

from webapp.board.charts import short_number

register = template.Library()
register.filter("tokens", short_number)


@register.filter
def percent(rate: float, digits: int = 1) -> str:
    """Return a rate in percent, without the sign.

    >>> percent(0.7583), percent(0.7, 0)
    ('75.8', '70')
    """
    return f"{100 * rate:.{digits}f}"


@register.filter
def clock(seconds: float) -> str:
    """Return a time as m:ss, or h:mm:ss.

    >>> clock(0.4), clock(165.2), clock(3725)
    ('0:00', '2:45', '1:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
