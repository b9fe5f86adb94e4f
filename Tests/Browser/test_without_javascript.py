"""JavaScript off: plain forms, POST and 303, each with a mutation id of its own."""

import re
import urllib.parse
import urllib.request

import pytest
from playwright.sync_api import expect


@pytest.fixture
def plain(open_page):
    return open_page(java_script_enabled=False)


def test_add_tick_edit_delete(server, plain):
    plain.add("Milk")
    plain.add("Bread")
    plain.expect_titles("Milk", "Bread")
    plain.checkbox("Milk").check()
    plain.save_tick("Milk")
    expect(plain.checkbox("Milk")).to_be_checked()
    plain.checkbox("Milk").uncheck()
    plain.save_tick("Milk")
    expect(plain.checkbox("Milk")).not_to_be_checked()
    plain.edit("Bread", "Rye bread")
    plain.expect_titles("Milk", "Rye bread")
    plain.delete("Milk")
    plain.expect_titles("Rye bread")
    assert server.titles() == ["Rye bread"]


def test_done_items_are_cleared(server, plain):
    plain.add("One")
    plain.add("Two")
    plain.checkbox("One").check()
    plain.save_tick("One")
    expect(plain.checkbox("One")).to_be_checked()
    plain.page.get_by_role("button", name="Clear done").click()
    plain.expect_titles("Two")
    assert server.titles() == ["Two"]


def test_an_open_page_with_scripts_sees_plain_edits(open_page, plain):
    scripted = open_page()
    scripted.expect_state("online")
    plain.add("By a form")
    scripted.expect_titles("By a form")


def test_a_double_submit_is_harmless(server, plain):
    """Sends the same form twice, as an impatient finger or a reload of the answer does."""
    form = plain.form
    assert form.get_attribute("method") == "post"
    fields = {one: form.locator(f"input[name={one}]").get_attribute("value") or ""
              for one in ("mutation", "filter")}
    assert re.fullmatch(r"[0-9A-Za-z_.-]{16,128}", fields["mutation"])
    body = urllib.parse.urlencode({**fields, "title": "Only once"}).encode()
    for _ in range(2):
        with urllib.request.urlopen(server.url + "todos", data=body, timeout=60) as answer:
            assert answer.status == 200  # after the 303
    plain.page.reload()
    plain.expect_titles("Only once")


def test_what_two_browsers_do_on_the_same_page_is_two_things(server, open_page, plain):
    """The page is the same for both, down to the last byte; what they send is not."""
    other = open_page(java_script_enabled=False, user_agent="another browser")
    assert plain.page.content() == other.page.content()
    plain.add("Milk")
    other.add("Milk")
    other.expect_titles("Milk", "Milk")
    plain.page.reload()
    other.page.reload()
    first = plain.items.first
    for one in (plain, other):
        item = one.items.first
        item.locator("summary").click()
        item.locator("input[name=title]").fill("Oat milk")
        item.locator("input[name=title]").press("Enter")
        one.expect_titles("Oat milk", "Milk")
    expect(first.locator(".todo-title")).to_have_text("Oat milk")
    assert server.titles() == ["Milk", "Oat milk"]


def test_the_same_may_be_done_again_on_a_page_of_later(server, plain):
    plain.add("Milk")
    for wanted in (True, False, True, False):
        plain.checkbox("Milk").set_checked(wanted)
        plain.save_tick("Milk")
        expect(plain.checkbox("Milk")).to_be_checked(checked=wanted)
        assert [one["done"] for one in server.todos()] == [wanted]
    plain.delete("Milk")
    expect(plain.items).to_have_count(0)
    plain.add("Milk")
    plain.expect_titles("Milk")


def test_a_form_leads_back_to_the_page_that_it_was_on(server, plain):
    plain.add("One")
    plain.add("Two")
    plain.page.goto(server.url + "?filter=active")
    plain.checkbox("One").check()
    plain.save_tick("One")
    plain.expect_titles("Two")
    assert plain.page.url == server.url + "?filter=active"
    plain.edit("Two", " ")
    expect(plain.page.get_by_role("alert")).to_be_visible()
    assert plain.page.url == server.url + "?filter=active&problem=invalid_mutation"
    plain.edit("Two", "Three")
    plain.expect_titles("Three")
    assert plain.page.url == server.url + "?filter=active"


def test_a_title_that_is_too_long_is_not_sent(server, plain):
    """By the browser's own check, which cuts nothing off."""
    plain.add("y" * 501)
    assert plain.title_input.evaluate("(one) => [one.value.length, one.validity.patternMismatch]") \
        == [501, True]
    for wanted, title in ((True, "🦊" * 500), (False, "🦊" * 501), (False, "  "),
                          (True, f"  {'y' * 500}  "), (True, "y")):
        plain.title_input.fill(title)
        assert plain.title_input.evaluate("(one) => one.checkValidity()") is wanted
    assert server.titles() == []


def test_a_title_that_is_refused_is_told(server, plain, watch):
    watch.network_may_fail = True  # the browser logs the status 400 of the page
    plain.form.evaluate("(form) => { form.noValidate = true; }")
    plain.add("y" * 501)
    expect(plain.page.get_by_role("alert")).to_be_visible()
    assert server.titles() == []
