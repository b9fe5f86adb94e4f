"""Everyone can read and use it: axe in both schemes, a phone's width, no motion where unwanted."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

LONG = "A very long title, with a_word_that_has_no_place_to_break_in_it_at_all_or_nearly_so " * 2
LONG = LONG.strip()


def fill(todo) -> None:
    """Brings the page into its fullest state: done, pending mark, editing, refused, toast."""
    todo.add("Water the plants", "Write to Ana", "Buy oat milk", LONG)
    todo.checkbox("Write to Ana").check()
    todo.mutate("todo.create", {"id": "x", "title": "y" * 501})
    expect(todo.refusals).to_have_count(1)
    todo.delete("Buy oat milk")
    expect(todo.page.get_by_role("button", name="Undo")).to_be_visible()
    todo.item("Water the plants").locator("summary").click()
    expect(todo.item("Water the plants").locator("input[name=title]")).to_be_visible()


def serious_findings(page) -> list[str]:
    results = Axe().run(page).response
    return [f'{one["id"]}: {node["target"]} {node["failureSummary"]}'
            for one in results["violations"] if one["impact"] in ("serious", "critical")
            for node in one["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(server, open_page, watch, screens, scheme):
    watch.network_may_fail = True
    # The page's policy rightly keeps injected scripts out; axe must get in.
    todo = open_page(color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    todo.expect_state("online")
    todo.page.screenshot(path=screens / f"empty-{scheme}.png")
    assert serious_findings(todo.page) == []
    fill(todo)
    todo.expect_synced()
    todo.page.screenshot(path=screens / f"full-{scheme}.png", full_page=True)
    assert serious_findings(todo.page) == []
    todo.refusals.get_by_role("button", name="Edit").click()
    todo.add("z" * 501)
    expect(todo.page.locator(".field-hint")).to_have_count(2)
    assert serious_findings(todo.page) == []
    todo.title_input.fill("")
    todo.page.context.set_offline(True)
    todo.expect_state("offline")
    todo.add("Waiting")
    expect(todo.pending).to_have_count(1)
    todo.page.screenshot(path=screens / f"offline-{scheme}.png", full_page=True)
    assert serious_findings(todo.page) == []


def test_axe_finds_nothing_serious_in_a_long_list(server, open_page):
    server.push(*[{"id": f"m{n}", "name": "todo.create",
                   "args": {"id": f"t{n:03}", "title": f"Number {n}"}} for n in range(100)])
    server.push({"id": "last", "name": "todo.create", "args": {"id": "u", "title": "Left out"}})
    todo = open_page(bypass_csp=True, reduced_motion="reduce")
    expect(todo.page.get_by_role("button", name="Show 1 more")).to_be_visible()
    assert serious_findings(todo.page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390])
def test_a_phone_shows_all_of_it(open_page, screens, scheme, width):
    todo = open_page(color_scheme=scheme, viewport={"width": width, "height": 780},
                     reduced_motion="reduce", has_touch=True, is_mobile=True)
    fill(todo)
    todo.page.screenshot(path=screens / f"phone-{width}-{scheme}.png", full_page=True)
    overflow = todo.page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
    for target in todo.page.locator(".todo-item button:visible, .todo-item summary").all():
        box = target.bounding_box()
        assert box["width"] >= 24 and box["height"] >= 24 and box["x"] + box["width"] <= width


def test_the_page_without_scripts_is_accessible_and_fits(server, open_page, screens):
    plain = open_page(java_script_enabled=False, viewport={"width": 390, "height": 780})
    plain.add("Milk")
    plain.add(LONG)
    expect(plain.items).to_have_count(2)
    plain.page.screenshot(path=screens / "phone-no-script.png", full_page=True)
    page = plain.page
    expect(page.get_by_role("checkbox", name="Done: Milk")).to_be_visible()
    expect(page.get_by_role("textbox", name="What needs to be done?")).to_be_visible()
    expect(page.get_by_role("button", name="Delete Milk", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Save the tick of Milk")).to_be_visible()
    expect(plain.status).to_have_text("Saved with each click")
    expect(page.get_by_text("Works without JavaScript")).to_be_visible()
    expect(page.get_by_text("Works offline")).to_be_hidden()


def test_names_focus_and_motion(open_page):
    todo = open_page(reduced_motion="reduce")
    todo.add("Named")
    page = todo.page
    expect(page.get_by_role("checkbox", name="Done: Named")).to_be_visible()
    expect(page.get_by_role("button", name="Delete Named", exact=True)).to_be_visible()
    summary = page.locator("summary").first
    expect(summary).to_have_attribute("title", "Edit Named")
    page.keyboard.press("Tab")
    outline = page.evaluate(
        "getComputedStyle(document.activeElement).outlineStyle + getComputedStyle("
        "document.activeElement).outlineWidth")
    assert outline == "solid3px"
    assert page.evaluate("document.getAnimations().length") == 0
