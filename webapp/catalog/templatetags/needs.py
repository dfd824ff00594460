"""What a strategy needs, beside what the model server offers."""

from collections.abc import Mapping

from django import template

from workers.core.capabilities import Feature, Finding

register = template.Library()


@register.filter
def finding(offers: Mapping[Feature, Finding], need: Feature) -> Finding:
    """Return what is known of a need; unknown if nothing is."""
    return offers.get(need, Finding())
