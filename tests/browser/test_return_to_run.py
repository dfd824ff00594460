"""Coming back to a run that has grown meanwhile, in a real browser, on the whole site."""

import re

from playwright.sync_api import expect

from tests.model_server import Rule


def test_who_was_away_while_a_run_grew_goes_on_with_what_the_page_shows(live_site, new_viewer):
    live_site.model_server.script(Rule(waits=True))
    address = live_site.start("direct")
    page = new_viewer(may_complain=("404", "ERR_FAILED")).page
    is_down = ["yes"]
    page.route_web_socket(re.compile("/ws/"), lambda it: it.close(code=1012) if is_down else it.connect_to_server())
    page.route(re.compile("/events"), lambda it: it.abort() if is_down else it.continue_())
    page.goto(address)
    live_site.model_server.script(Rule(right="42", tokens_per_second=6))
    while any(lane["status"] in ("queued", "running") for lane in live_site.lanes(address)):
        page.wait_for_timeout(100)
    live_site.ask(f"api/v1/runs/{address.rstrip('/').rsplit('/', 1)[-1]}/continue", {"repeats": 2})
    is_down.clear()

    expect(page.locator("#grown")).to_be_visible(timeout=40_000)
    expect(page.locator("[data-run-chip]").last).to_have_text("Finished", timeout=60_000)
    assert page.url == f"{address}?row=1&repeat=1"
    expect(page.locator(".lane .verdict--right")).to_have_count(1)
    page.get_by_role("link", name="See all of them").click()
    expect(page.locator("table")).to_be_visible()
