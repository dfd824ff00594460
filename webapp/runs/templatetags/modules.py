"""`{% preload_modules "js/run/main.js" %}`."""

from django import template
from django.templatetags.static import static
from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from webapp.lib.modules import list_modules

register = template.Library()


@register.simple_tag
def preload_modules(entry: str) -> SafeString:
    """Name a module and all that it imports, for the page's head."""
    return format_html_join(
        "\n", '<link rel="modulepreload" href="{}">', ((static(path),) for path in list_modules(entry))
    )
