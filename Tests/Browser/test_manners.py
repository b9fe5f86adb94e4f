"""What a person with a keyboard or a screen reader is told, and where the focus goes."""

import re

import pytest
from playwright.sync_api import expect

from faults import Faults
from todo_page import TodoPage

PUSH = "/_sync/push"


def test_an_added_item_is_in_sight_and_announced(open_page):
    todo = open_page(viewport={"width": 800, "height": 600})
    todo.add(*[f"Number {n}" for n in range(30)])
    todo.page.evaluate("scrollTo(0, 0)")
    todo.add("The last one")
    expect(todo.item("The last one")).to_be_in_viewport(ratio=1)
    expect(todo.title_input).to_be_in_viewport(ratio=1)
    expect(todo.title_input).to_be_focused()
    expect(todo.announcer).to_have_text(re.compile("Added “The last one”$"))
    todo.page.get_by_role("link", name="Done", exact=True).click()
    todo.add("Not to be seen here")
    expect(todo.announcer).to_contain_text("not shown under Done")


def test_names_say_which_item(open_page):
    todo = open_page()
    todo.add("Milk", "Bread")
    # What arrives moves the page; a click that begins on one place must end there.
    todo.expect_synced()
    page = todo.page
    for role, name in (("checkbox", "Done: Milk"), ("button", "Delete Milk")):
        expect(page.get_by_role(role, name=name, exact=True)).to_have_count(1)
    summary = todo.item("Milk").locator("summary")
    expect(summary).to_have_accessible_name("Edit Milk")
    summary.click()
    expect(summary).to_have_accessible_name("Cancel")
    expect(page.get_by_role("textbox", name="New title of Milk")).to_be_focused()
    todo.edit("Bread", "Rye")
    expect(page.get_by_role("button", name="Delete Rye", exact=True)).to_be_visible()


def test_what_is_typed_at_once_into_an_opened_field_stays(open_page):
    todo = open_page()
    todo.add("Bread")
    todo.expect_synced()
    field = todo.item("Bread").locator("input[name=title]")
    # The details' event `toggle` comes after the click, and after the first keys of a quick hand.
    todo.item("Bread").locator("details").evaluate(
        """async (details) => {
            const toggled = new Promise((done) => details.addEventListener("toggle", done));
            details.querySelector("summary").click();
            details.querySelector("input[name=title]").value = "Rye";
            await toggled;
        }""")
    expect(field).to_have_value("Rye")
    field.press("Enter")
    expect(todo.page.get_by_role("button", name="Delete Rye", exact=True)).to_be_visible()


def press_delete(todo: TodoPage, title: str) -> None:
    todo.item(title).get_by_role("button", name=f"Delete {title}").press("Enter")


def test_after_a_delete_the_focus_is_where_no_second_key_deletes(open_page):
    todo = open_page()
    todo.add("One", "Two", "Three")
    press_delete(todo, "Two")
    expect(todo.checkbox("Three")).to_be_focused()
    expect(todo.page.locator(".toast")).to_contain_text("Deleted “Two”")
    press_delete(todo, "Three")
    expect(todo.checkbox("One")).to_be_focused()
    press_delete(todo, "One")
    heading = todo.page.get_by_role("heading", name="To-dos")
    expect(heading).to_be_focused()
    todo.page.keyboard.press("Tab")
    expect(todo.title_input).to_be_focused()


def test_an_undo_gives_the_focus_to_what_it_brings_back(open_page):
    todo = open_page()
    todo.add("One", "Two")
    press_delete(todo, "One")
    todo.page.get_by_role("button", name="Undo").press("Enter")
    expect(todo.checkbox("One")).to_be_focused()
    expect(todo.announcer).to_contain_text("Brought back “One”")
    todo.checkbox("One").check()
    todo.page.get_by_role("button", name="Clear done").press("Enter")
    expect(todo.page.get_by_role("heading", name="To-dos")).to_be_focused()


def test_a_tick_that_takes_an_item_out_of_sight_says_so(open_page):
    todo = open_page()
    todo.add("One", "Two")
    todo.page.get_by_role("link", name="Active").press("Enter")
    expect(todo.announcer).to_contain_text("Active: 2 to-dos shown")
    todo.checkbox("One").press("Space")
    todo.expect_titles("Two")
    expect(todo.checkbox("Two")).to_be_focused()
    expect(todo.announcer).to_contain_text("“One” went to Done")


@pytest.fixture
def faulty(open_page, watch):
    watch.network_may_fail = True
    todo = open_page()
    todo.expect_state("online")
    todo.page.evaluate("mizu.live.close()")
    return todo, Faults().over(todo.page)


def test_nothing_is_up_to_date_while_something_waits_or_was_refused(faulty):
    todo, faults = faulty
    expect(todo.status).to_have_attribute("data-tone", "calm")
    expect(todo.status).to_contain_text("Up to date")
    held = faults.hold(PUSH)
    todo.add("Slow")
    expect(todo.status).to_have_attribute("data-tone", "busy")
    expect(todo.status).not_to_contain_text("Up to date")
    held.release()
    expect(todo.status).to_have_attribute("data-tone", "calm")
    todo.mutate("todo.create", {"id": "x", "title": "y" * 501})
    expect(todo.refusals).to_have_count(1)
    todo.expect_state("online")
    expect(todo.status).to_have_attribute("data-tone", "bad")
    expect(todo.status).to_contain_text("Not all saved")
    expect(todo.status).not_to_contain_text("Up to date")
    todo.page.get_by_role("button", name="Discard").click()
    expect(todo.status).to_have_attribute("data-tone", "calm")
    expect(todo.page.get_by_role("heading", name="To-dos")).to_be_focused()


@pytest.mark.parametrize("code", [
    "invalid_mutation", "not_found", "conflict", "id_reused", "unknown_mutation", "forbidden",
    "quota_exceeded", "code_of_tomorrow"])
def test_a_refusal_is_a_sentence_and_no_code(faulty, code):
    todo, faults = faulty
    faults.compute(PUSH, lambda body: {"results": [
        {"id": one["id"], "ok": False, "code": code, "error": "words of the server"}
        for one in body["mutations"]]})
    todo.add("Bought")
    expect(todo.refusals).to_contain_text(re.compile(r"Adding “Bought” was refused\. [A-Z].*\."))
    expect(todo.refusals).not_to_contain_text(code)
    for name in ("Edit", "Try again", "Discard"):
        button = todo.refusals.get_by_role("button", name=f"{name}: Bought", exact=True)
        expect(button).to_be_visible()


def test_a_title_that_was_refused_can_be_mended(server, open_page):
    todo = open_page()
    todo.add("Before")
    todo.mutate("todo.create", {"id": "x", "title": "y" * 501})
    todo.refusals.get_by_role("button", name="Edit").press("Enter")
    field = todo.refusals.get_by_role("textbox", name="Mended title")
    expect(field).to_be_focused()
    expect(field).to_have_value("y" * 501)
    expect(field).to_have_accessible_description(re.compile("501 characters, 1 too many"))
    field.press("Enter")  # not yet: nothing is sent
    expect(todo.announcer).to_contain_text("501 characters")
    field.press("End")
    field.press("Backspace")
    expect(todo.refusals.locator(".field-hint")).to_have_count(0)
    field.press("Enter")
    todo.expect_titles("Before", "y" * 500)
    expect(todo.refusals).to_have_count(0)
    expect(todo.checkbox("y" * 500)).to_be_focused()
    todo.expect_synced()
    assert server.titles() == ["Before", "y" * 500]


def test_an_edit_of_what_was_deleted_is_mended_into_a_new_one(server, open_page):
    todo = open_page()
    todo.mutate("todo.update", {"id": "gone", "title": "Still wanted"})
    expect(todo.refusals).to_contain_text("Somebody has deleted it in the meantime")
    todo.refusals.get_by_role("button", name="Edit").click()
    todo.refusals.get_by_role("textbox", name="Mended title").press("Enter")
    todo.expect_titles("Still wanted")
    expect(todo.refusals).to_have_count(0)
    todo.expect_synced()
    assert server.titles() == ["Still wanted"]


def test_mending_is_left_alone_by_other_refusals_and_can_be_given_up(open_page):
    todo = open_page()
    todo.mutate("todo.create", {"id": "x", "title": "y" * 501})
    todo.refusals.get_by_role("button", name="Edit").click()
    field = todo.refusals.get_by_role("textbox", name="Mended title")
    field.fill("half way")
    todo.mutate("todo.create", {"id": "z", "title": "z" * 501})
    expect(todo.refusals).to_have_count(2)
    expect(field).to_have_value("half way")
    expect(field).to_be_focused()
    todo.refusals.get_by_role("button", name="Cancel").click()
    expect(todo.refusals.first.get_by_role("button", name="Edit")).to_be_focused()


def test_a_title_that_is_too_long_is_told_before_it_is_sent(server, open_page):
    todo = open_page()
    todo.add("🦊" * 501)
    hint = todo.form.locator(".field-hint")
    expect(hint).to_have_text("The title has 501 characters, 1 too many: 500 are the most.")
    expect(todo.title_input).to_have_value("🦊" * 501)
    expect(todo.title_input).to_have_attribute("aria-invalid", "true")
    todo.title_input.press("End")
    todo.title_input.press("Backspace")
    expect(hint).to_have_count(0)
    todo.title_input.press("Enter")
    todo.expect_titles("🦊" * 500)
    todo.item("🦊" * 500).locator("summary").click()
    field = todo.items.first.locator("input[name=title]")
    field.fill("x" * 502)
    field.press("Enter")
    expect(todo.items.first.locator(".field-hint")).to_contain_text("502 characters, 2 too many")
    todo.expect_synced()
    assert server.titles() == ["🦊" * 500]


def test_the_tab_key_reaches_all_of_it_in_the_order_of_the_page(open_page):
    todo = open_page()
    todo.add("Milk")
    todo.mutate("todo.create", {"id": "x", "title": "y" * 501})
    todo.checkbox("Milk").check()
    expect(todo.refusals).to_have_count(1)
    todo.expect_synced()
    todo.page.locator(".brand").focus()
    names = []
    for _ in range(12):
        todo.page.keyboard.press("Tab")
        names.append(todo.page.evaluate("""() => {
            const one = document.activeElement;
            return (one.ariaLabel || one.textContent.trim() || one.title).slice(0, 24);
        }"""))
    y = "y" * 24
    assert names == [
        "What needs to be done?", "Add", f"Edit: {y}"[:24], f"Try again: {y}"[:24],
        f"Discard: {y}"[:24], "All", "Active", "Done", "Done: Milk", "Edit Milk", "Delete Milk",
        "Clear done"]


def test_storage_is_asked_to_stay_with_the_first_edit_and_not_before(new_context, open_page):
    context = new_context()
    context.add_init_script("""
        window.asked = 0;
        Object.defineProperty(StorageManager.prototype, "persisted",
            { value: async () => false });
        Object.defineProperty(StorageManager.prototype, "persist",
            { value: async () => { window.asked += 1; return false; } });
    """)
    todo = open_page(context)
    todo.expect_synced()
    assert todo.page.evaluate("asked") == 0
    todo.add("One", "Two")
    todo.expect_synced()
    assert todo.page.evaluate("asked") == 1
    todo.page.reload()
    todo.add("Three")
    todo.expect_synced()
    assert todo.page.evaluate("asked") == 0
