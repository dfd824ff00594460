"""A person uploads a corpus, goes from its page to a run, and sees there what was found."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_accessibility import BY_AXE, find_faults
from tests.model_server import Rule

FACTS = "\n\n".join(
    ["Olaf is king.", "<b>Ada</b> is queen of Norland.", "שלום מלכה queen"]
    + [f"Queen {number} ruled for {number} years." for number in range(9)]
)


@pytest.mark.parametrize("is_dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_an_uploaded_corpus_is_searched_and_what_is_found_is_listed(live_site, new_viewer, is_dark, width):
    live_site.model_server.script(Rule(replies=("The queen of Norland: \\boxed{Ada}",)))
    page = new_viewer(width=width, dark=is_dark, may_complain=BY_AXE).page

    def is_well():
        return page.evaluate("document.documentElement.scrollWidth") <= width and find_faults(page) == []

    page.goto(f"{live_site.address}corpora/")
    assert is_well()
    file = {
        "name": f"Norland {width} {is_dark}.txt",
        "mimeType": "text/plain",
        "buffer": f"{FACTS} {width}{is_dark}".encode(),
    }
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_role("cell", name="<b>Ada</b> is queen of Norland.")).to_be_visible()
    assert is_well()

    page.get_by_role("link", name="Search it in a run").click()
    page.wait_for_load_state("networkidle")
    page.keyboard.press("Control+Enter")

    found = page.locator(".tool__lines li")
    expect(found.first).to_contain_text("<b>Ada</b> is queen of Norland.", timeout=30_000)
    assert found.count() == 4
    assert is_well()
