"""High contrast (`forced-colors: active`): what colours say elsewhere is there by shape and system colour.

Judged by pixels where something is painted, by computed styles where a system colour is meant.
"""

import base64
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "Process"))

from server import wait_until  # noqa: E402

# The page's policy lets data: images in, and a canvas tells what is in them.
COLOURS = """async (picture) => {
    const image = new Image();
    image.src = "data:image/png;base64," + picture;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height).getContext("2d");
    canvas.drawImage(image, 0, 0);
    const { data } = canvas.getImageData(0, 0, image.width, image.height);
    const colours = {};
    for (let at = 0; at < data.length; at += 4) {
        const colour = data.slice(at, at + 3).join();
        colours[colour] = (colours[colour] ?? 0) + 1;
    }
    return colours;
}"""

SYSTEM_COLOUR = """(name) => {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = name;
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
}"""


@pytest.fixture(params=["light", "dark"])
def todo(request, open_page, watch):
    watch.network_may_fail = True
    todo = open_page(forced_colors="active", color_scheme=request.param)
    todo.add("Done", "Open")
    todo.checkbox("Done").check()
    todo.expect_synced()
    return todo


def inside(todo, locator, share: float = 0.5) -> dict[str, int]:
    """The colours in the middle of an element, with how many pixels have each."""
    locator.scroll_into_view_if_needed()
    box = locator.bounding_box()
    clip = {"x": box["x"] + box["width"] * (1 - share) / 2,
            "y": box["y"] + box["height"] * (1 - share) / 2,
            "width": box["width"] * share, "height": box["height"] * share}
    picture = base64.b64encode(todo.page.screenshot(clip=clip)).decode()
    return todo.page.evaluate(COLOURS, picture)


def style(locator, name: str) -> str:
    return locator.evaluate("(one, name) => getComputedStyle(one).getPropertyValue(name)", name)


def test_only_what_is_done_has_a_tick(todo):
    assert len(inside(todo, todo.checkbox("Open"))) == 1
    assert len(inside(todo, todo.checkbox("Done"))) > 1
    highlight = todo.page.evaluate(SYSTEM_COLOUR, "Highlight")
    wait_until(lambda: style(todo.checkbox("Done"), "background-color") == highlight,
               what="a colour that has come")
    assert style(todo.checkbox("Open"), "background-color") != highlight


def test_the_chosen_filter_is_marked(todo):
    links = todo.page.locator(".filters a")
    marked = [style(link, "background-color") for link in links.all()]
    assert marked[0] != marked[1] == marked[2]
    assert marked[0] == todo.page.evaluate(SYSTEM_COLOUR, "Highlight")
    assert style(links.first, "color") == todo.page.evaluate(SYSTEM_COLOUR, "HighlightText")


def test_what_waits_and_the_state_have_a_shape(todo):
    dot = todo.page.locator(".sync-dot")
    calm = inside(todo, dot, 0.3)
    mark = todo.item("Open").locator(".pending-mark")
    expect(mark).to_have_count(0)
    todo.page.context.set_offline(True)
    todo.expect_state("offline")
    todo.checkbox("Open").check()
    expect(todo.pending).to_have_count(1)
    # Once it is painted.
    wait_until(lambda: len(inside(todo, mark, 1)) > 1, what="a mark that can be seen")
    wait_until(lambda: inside(todo, dot, 0.3) != calm, what="a ring, where it was a disc")


def test_the_focus_can_be_seen(todo):
    canvas = todo.page.evaluate(SYSTEM_COLOUR, "Canvas")
    todo.title_input.focus()
    seen = set()
    for _ in range(12):
        todo.page.keyboard.press("Tab")
        where, outline, width, colour = todo.page.evaluate("""() => {
            const one = document.activeElement;
            const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(one);
            return [one.className + one.tagName + (one.name ?? ""), outlineStyle, outlineWidth, outlineColor];
        }""")
        if where.startswith("BODY"):
            break
        seen.add(where)
        assert (outline, width) == ("solid", "3px") and colour != canvas, where
    assert len(seen) > 4
