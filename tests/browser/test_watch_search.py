"""Watching what a strategy searches, in a real browser, on the whole site."""

from playwright.sync_api import expect

from tests.model_server import Rule


def test_a_tree_is_the_same_for_who_saw_it_grow_and_who_comes_late(live_site, new_viewer):
    live_site.model_server.script(Rule(waits=True))
    page, late = new_viewer().page, new_viewer().page
    address = live_site.start({"strategy": "tree_of_thoughts", "params": {"thoughts": 3, "depth": 2}})

    page.goto(address)
    height = page.locator(".nodes").evaluate("node => node.offsetHeight")  # it stands before the first node
    page.locator(".nodes").evaluate("""node => {
      window.heights = new Set();
      new ResizeObserver(() => window.heights.add(node.offsetHeight)).observe(node);
    }""")
    live_site.model_server.script(
        Rule(match="judge|Verdict", replies=("It may. Verdict: 1",)),
        Rule(replies=("Six sevens are 42.", "Seven sixes are 42.", "7 + 7 + 7 is 21, twice."), tokens_per_second=20),
    )
    expect(page.locator(".nodes [data-node]").first).to_be_visible(timeout=30_000)
    expect(page.locator("[data-run-chip]").last).to_have_text("Finished", timeout=60_000)
    late.goto(address)
    expect(late.locator(".nodes [data-state=final]")).to_have_count(1)

    nodes = "nodes => nodes.map(node => node.outerHTML)"
    assert page.locator("[data-node]").evaluate_all(nodes) == late.locator("[data-node]").evaluate_all(nodes)
    page.wait_for_function("window.heights.size > 1")  # the observer is told after the frame
    growing, *over = page.evaluate("() => [...window.heights]")
    assert growing == height
    assert len(over) == 1  # once, when no node will come any more
    assert over[0] < height
    page.locator(".nodes [data-state=final]").click()
    expect(page.locator("#sheet")).to_be_visible()
