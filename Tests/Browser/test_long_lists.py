"""Lists that are too long to be shown whole: a part, a way to see more, counts of all."""

import pytest
from playwright.sync_api import expect

from todo_page import TodoPage


def fill(server, count: int) -> None:
    mutations = [{"id": f"m{n}", "name": "todo.create",
                  "args": {"id": f"t{n:06}", "title": f"Number {n}"}} for n in range(count)]
    for start in range(0, count, 100):
        server.push(*mutations[start:start + 100])


@pytest.fixture
def todo(server, open_page):
    fill(server, 250)
    todo = open_page()
    expect(todo.page.locator(".total")).to_have_text("250")
    expect(todo.items).to_have_count(100)
    todo.expect_synced()
    return todo


def test_more_is_shown_by_the_keyboard_and_said(todo):
    more = todo.page.get_by_role("button", name="Show 100 more")
    expect(todo.page.locator(".todo-gap")).to_contain_text("150 not shown")
    more.press("Enter")
    expect(todo.items).to_have_count(200)
    expect(todo.checkbox("Number 100")).to_be_focused()
    expect(todo.announcer).to_contain_text("100 more shown")
    todo.page.get_by_role("button", name="Show 50 more").press("Enter")
    expect(todo.items).to_have_count(250)
    expect(todo.page.locator(".todo-gap")).to_have_count(0)
    expect(todo.checkbox("Number 200")).to_be_focused()
    expect(todo.page.locator(".counts")).to_contain_text("250 left of 250")
    todo.page.get_by_role("link", name="Active").click()
    expect(todo.items).to_have_count(100)


def test_an_own_new_item_is_in_sight_behind_what_is_left_out(todo):
    todo.add("Mine")
    expect(todo.item("Mine")).to_be_in_viewport(ratio=1)
    expect(todo.title_input).to_be_in_viewport()
    assert todo.page.evaluate("""() => {
        const list = document.querySelector(".todo-list");
        return [list.children[100].className, list.children.length];
    }""") == ["todo-gap", 102]
    todo.expect_synced()
    expect(todo.page.locator(".total")).to_have_text("251")
    todo.delete("Mine")
    expect(todo.items).to_have_count(100)
    # Nothing stands next to it but the way to more.
    todo.checkbox("Number 99").focus()
    todo.item("Number 99").get_by_role("button", name="Delete Number 99").press("Enter")
    expect(todo.item("Number 100")).to_be_visible()


def test_a_link_to_a_page_further_on_still_leads_there(server, new_context):
    fill(server, 250)
    todo = TodoPage(new_context().new_page())
    todo.page.goto(server.url + "?after=t000149")
    expect(todo.page.locator("html")).to_have_class("is-live is-whole")
    expect(todo.page.locator(".todo-gap")).to_contain_text("130 not shown")
    expect(todo.item("Number 150")).to_be_in_viewport(ratio=1)
    expect(todo.item("Number 169")).to_be_visible()
    expect(todo.items).to_have_count(120)


def test_a_change_of_what_is_not_shown_touches_no_element(server, todo):
    todo.page.evaluate("""() => {
        window.touched = [];
        const observer = new MutationObserver((records) => touched.push(...records));
        observer.observe(document.querySelector(".todo-list"), {
            attributes: true, childList: true, characterData: true, subtree: true });
    }""")
    server.push({"id": "x1", "name": "todo.update", "args": {"id": "t000200", "title": "Changed"}})
    server.push({"id": "x2", "name": "todo.toggle", "args": {"id": "t000201", "done": True}})
    expect(todo.page.locator(".remaining")).to_have_text("249")
    assert todo.page.evaluate("touched.length") == 0


def test_the_first_of_many_are_those_that_sorting_finds(open_page):
    todo = open_page()
    assert todo.page.evaluate("""async () => {
        const { firstOf } = await import("/static/js/list-window.js");
        const compare = (a, b) => a.key - b.key || a.id - b.id;
        let seed = 7;
        const random = (most) => (seed = (seed * 1103515245 + 12345) % 2147483648) % most;
        const wrong = [];
        for (let round = 0; round < 300; round++) {
            const many = Array.from({ length: random(60) }, (_, id) => ({ key: random(20), id }));
            const count = 1 + random(40);
            const right = [...many].sort(compare).slice(0, count);
            const found = firstOf(many, count, compare);
            if (JSON.stringify(found) !== JSON.stringify(right)) wrong.push(round);
        }
        return wrong;
    }""") == []
