"""Ask axe-core what is wrong with a page for people who cannot see it, or only use the keyboard."""

from pathlib import Path

from playwright.sync_api import Page

_AXE = Path(__file__).parents[2] / "requirements/node/node_modules/axe-core/axe.min.js"


def find_serious_faults(page: Page) -> list[str]:
    """Return every serious or critical fault as `rule: first place`."""
    page.evaluate(_AXE.read_text())
    result = page.evaluate("axe.run(document, {resultTypes: ['violations'], preload: false})")
    return [
        f"{fault['id']}: {fault['nodes'][0]['target']} {fault['nodes'][0]['html'][:120]}"
        for fault in result["violations"]
        if fault["impact"] in ("serious", "critical")
    ]
