"""How amounts are written on the pages of runs."""

from django import template

register = template.Library()


@register.filter
def commas(number: float) -> str:
    """Return a whole number in full.

    >>> commas(20480)
    '20,480'
    """
    return f"{number:,.0f}"


@register.filter
def short(number: float) -> str:
    """Return a number in few letters, as cards and dense tables show it.

    >>> short(950), short(13120), short(395_000), short(2_400_000)
    ('950', '13.1k', '395k', '2.4M')
    """
    if number < 1_000:
        return f"{number:.0f}"
    for size, unit in ((1_000, "k"), (1_000_000, "M")):
        amount = number / size
        if amount < 99.95:
            return f"{amount:.1f}{unit}"
        if amount < 999.5:
            return f"{amount:.0f}{unit}"
    return f"{number / 1_000_000_000:.1f}G"


@register.filter
def clock(seconds: float) -> str:
    """Return a time as m:ss, or h:mm:ss.

    >>> clock(0.4), clock(165.2), clock(3725)
    ('0:00', '2:45', '1:02:05')
    """
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
