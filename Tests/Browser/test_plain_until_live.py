"""The page works by its forms until the scripts have taken over, and by what the server said after."""

import pytest
from playwright.sync_api import expect

CREATE = {"id": "m1", "name": "todo.create", "args": {"id": "t1", "title": "Milk"}}


@pytest.mark.parametrize("name", ["/static/js/app.js", "/_mizu/*/mizu.js"])
def test_a_module_that_does_not_load_takes_nothing_away(server, new_context, open_page, watch, name):
    watch.network_may_fail = True
    server.push(CREATE)
    context = new_context()
    context.route(f"**{name}", lambda route: route.abort())
    todo = open_page(context)
    expect(todo.status).to_have_text("Saved with each click")
    todo.checkbox("Milk").check()
    todo.item("Milk").get_by_role("button", name="Save the tick of Milk").click()
    expect(todo.checkbox("Milk")).to_be_checked()
    assert [one["done"] for one in server.todos()] == [True]
    todo.edit("Milk", "Oat milk")
    todo.expect_titles("Oat milk")
    todo.add("Bread")
    todo.expect_titles("Oat milk", "Bread")
    todo.delete("Bread")
    todo.expect_titles("Oat milk")
    assert server.titles() == ["Oat milk"]


def test_scripts_take_the_buttons_of_the_forms_away(open_page):
    todo = open_page()
    todo.add("Milk")
    todo.expect_synced()
    expect(todo.items.locator("button[name=tick]")).to_be_hidden()
    expect(todo.page.get_by_text("Works without JavaScript")).to_be_hidden()
    expect(todo.page.get_by_text("Works offline")).to_be_visible()
    expect(todo.page.get_by_text("Saved with each click")).to_be_hidden()


def slow(context, name: str):
    """Holds a script back; returns what lets it go, which the page may ask for only then."""
    held, is_let_go = [], []
    context.route(f"**/static/js/{name}.js", lambda route: route.continue_() if is_let_go
                  else held.append(route))

    def release():
        is_let_go.append(True)
        for route in held:
            route.continue_()

    return release


def test_what_is_ticked_before_the_scripts_come_is_sent_by_them(server, new_context):
    server.push(CREATE)
    context = new_context()
    release = slow(context, "app")
    page = context.new_page()
    page.goto(server.url, wait_until="commit")
    page.get_by_role("checkbox", name="Done: Milk").check()
    release()
    expect(page.locator("html")).to_have_class("is-live is-whole")
    expect(page.locator(".sync-status")).to_have_attribute("data-tone", "calm")
    for _ in range(3000):
        if [one["done"] for one in server.todos()] == [True]:
            return
        page.wait_for_timeout(20)
    raise AssertionError("the tick was not sent")


TRANSLATE = """() => {
    for (const title of document.querySelectorAll(".todo-title")) {
        const font = document.createElement("font");
        font.textContent = `[${title.textContent}]`;
        title.replaceChildren(font);
    }
}"""


def test_a_translators_words_are_never_taken_for_data(server, new_context, open_page, watch):
    watch.network_may_fail = True
    server.push(CREATE)
    todo = open_page()
    todo.expect_synced()
    assert todo.page.locator(".todo-title").first.evaluate("(one) => one.translate") is False
    todo.page.evaluate(TRANSLATE)
    todo.item("[Milk]").locator("summary").click()
    field = todo.items.first.locator("input[name=title]")
    expect(field).to_have_value("Milk")
    field.press("Enter")  # unchanged, so nothing is sent
    assert todo.page.evaluate("mizu.client.edits") == []
    todo.page.locator("summary").first.click()
    field.fill("Milk and bread")
    field.press("Enter")
    todo.expect_synced()
    assert server.titles() == ["Milk and bread"]

    # The page is translated before the scripts read what the server has rendered.
    context = new_context()
    release = slow(context, "app")
    context.route("**/_sync/**", lambda route: route.abort())
    page = context.new_page()
    page.goto(server.url, wait_until="commit")
    expect(page.locator(".todo-title")).to_have_text(["Milk and bread"])
    page.evaluate(TRANSLATE)
    release()
    expect(page.locator("html")).to_have_class("is-live")
    expect(page.locator(".todo-title")).to_have_text(["Milk and bread"])


def press(locator, **init) -> None:
    locator.evaluate("""(one, init) => one.dispatchEvent(new KeyboardEvent("keydown",
        { key: "Escape", bubbles: true, cancelable: true, ...init }))""", init)


def test_escape_within_a_composition_closes_nothing(open_page):
    todo = open_page()
    # While the page's first records come, a new item may be taken out of the list and put back once.
    expect(todo.page.locator("html.is-whole")).to_be_attached()
    todo.add("Milk")
    item = todo.item("Milk")
    expect(item).to_have_attribute("data-pending", "false")
    item.locator("summary").click()
    field = item.locator("input[name=title]")
    field.fill("牛乳")
    press(field, isComposing=True)
    press(field, keyCode=229)
    expect(field).to_be_visible()
    expect(field).to_have_value("牛乳")
    press(field)
    expect(field).to_be_hidden()


@pytest.mark.parametrize("hours", [-2, 2], ids=["slow", "fast"])
def test_an_own_new_item_stands_last_and_stays(server, new_context, open_page, watch, hours):
    watch.network_may_fail = True
    server.push(CREATE)
    context = new_context()
    context.add_init_script(f"""{{
        const Real = Date;
        const now = () => Real.now() + {hours} * 3_600_000;
        Date = class extends Real {{
            constructor(...args) {{ super(...(args.length > 0 ? args : [now()])); }}
            static now() {{ return now(); }}
        }};
    }}""")
    todo = open_page(context)
    todo.expect_synced()
    context.set_offline(True)
    todo.expect_state("offline")
    todo.add("Mine", "Mine, too")
    todo.expect_titles("Milk", "Mine", "Mine, too")
    server.push({"id": "m2", "name": "todo.create", "args": {"id": "t2", "title": "Others'"}})
    todo.page.evaluate("""() => {
        window.moved = 0;
        new MutationObserver((records) => {
            for (const { removedNodes } of records) window.moved += removedNodes.length;
        }).observe(document.querySelector(".todo-list"), { childList: true });
    }""")
    context.set_offline(False)
    todo.expect_titles("Milk", "Others'", "Mine", "Mine, too")
    todo.expect_synced()
    todo.expect_titles("Milk", "Others'", "Mine", "Mine, too")
    assert todo.page.evaluate("moved") == 0
    todo.page.reload()
    todo.expect_titles("Milk", "Others'", "Mine", "Mine, too")
