"""What a person does on an ordinary day, and what a second person sees of it."""

from playwright.sync_api import expect


def test_each_edit_is_seen_by_a_second_browser(server, open_page):
    ana, ben = open_page(), open_page()
    ben.expect_state("online")
    ana.add("Milk", "Bread")
    ben.expect_titles("Milk", "Bread")
    ben.checkbox("Milk").check()
    expect(ana.checkbox("Milk")).to_be_checked()
    ana.edit("Bread", "Rye bread")
    ben.expect_titles("Milk", "Rye bread")
    ben.delete("Milk")
    ana.expect_titles("Rye bread")
    ana.expect_synced()
    assert server.titles() == ["Rye bread"]


def test_the_list_is_there_before_and_after_scripts_run(server, open_page, new_context):
    created = {"id": "t1", "title": "From elsewhere"}
    server.push({"id": "m1", "name": "todo.create", "args": created})
    plain = open_page(java_script_enabled=False)
    plain.expect_titles("From elsewhere")
    scripted = open_page()
    scripted.expect_synced()
    scripted.expect_titles("From elsewhere")
    expect(scripted.items.first).to_have_attribute("data-id", "t1")


def test_filters_show_a_part_and_survive_back(open_page):
    todo = open_page()
    todo.add("One", "Two", "Three")
    todo.checkbox("Two").check()
    links = todo.page.locator(".filters")
    links.get_by_role("link", name="Active").click()
    todo.expect_titles("One", "Three")
    links.get_by_role("link", name="Done").click()
    todo.expect_titles("Two")
    expect(links.locator("[aria-current=page]")).to_have_text("Done")
    todo.page.go_back()
    todo.expect_titles("One", "Three")
    links.get_by_role("link", name="All").click()
    todo.expect_titles("One", "Two", "Three")
    expect(todo.page.locator(".counts")).to_have_text("2 left of 3")


def test_a_filtered_address_opens_filtered_on_the_server_too(server, open_page):
    todo = open_page()
    todo.add("One", "Two")
    todo.checkbox("Two").check()
    todo.expect_synced()
    plain = open_page(java_script_enabled=False)
    plain.page.goto(server.url + "?filter=done")
    plain.expect_titles("Two")
    todo.page.goto(server.url + "?filter=active")
    todo.expect_titles("One")


def test_done_items_are_cleared_and_brought_back(server, open_page):
    todo = open_page()
    todo.add("One", "Two", "Three")
    todo.checkbox("One").check()
    todo.checkbox("Three").check()
    todo.page.get_by_role("button", name="Clear done").click()
    todo.expect_titles("Two")
    todo.expect_synced()
    assert server.titles() == ["Two"]
    todo.page.get_by_role("button", name="Undo").click()
    expect(todo.items).to_have_count(3)
    expect(todo.checkbox("One")).to_be_checked()
    todo.expect_synced()
    assert server.titles() == ["One", "Three", "Two"]


def test_a_delete_can_be_undone_before_and_after_it_is_sent(server, open_page):
    todo, other = open_page(), open_page()
    todo.add("Precious")
    todo.checkbox("Precious").check()
    todo.delete("Precious")
    expect(other.items).to_have_count(0)
    todo.page.get_by_role("button", name="Undo").click()
    expect(other.checkbox("Precious")).to_be_checked()
    todo.expect_synced()
    assert [one["done"] for one in server.todos()] == [True]


def test_titles_are_text_and_ids_are_anything(server, open_page):
    title, odd_id = "<img src=x onerror=alert(1)> & \"quotes\" 'too' 🦦", 'a/b?c#d "e" <f> é'
    server.push({"id": "m1", "name": "todo.create", "args": {"id": odd_id, "title": title}})
    todo, plain = open_page(), open_page(java_script_enabled=False)
    for one in (todo, plain):
        one.expect_titles(title)
        expect(one.items.first).to_have_attribute("data-id", odd_id)
    todo.expect_state("online")
    todo.checkbox(title).check()
    todo.expect_synced()
    assert [one["done"] for one in server.todos()] == [True]
    plain.delete(title)
    expect(todo.items).to_have_count(0)


def test_a_blank_title_is_not_sent(server, open_page):
    todo = open_page()
    todo.add("   ")
    todo.add("Real")
    todo.expect_titles("Real")
    todo.expect_synced()
    assert server.titles() == ["Real"]


def test_the_keyboard_is_enough(open_page):
    todo = open_page()
    todo.add("One", "Two")
    todo.item("One").get_by_role("button", name="Delete One", exact=True).focus()
    todo.page.keyboard.press("Enter")
    todo.expect_titles("Two")
    # The next item's tick, not its Delete: a second Enter must not take that one, too.
    expect(todo.checkbox("Two")).to_be_focused()
    todo.page.keyboard.press("Enter")
    todo.expect_titles("Two")
    todo.item("Two").locator("summary").press("Enter")
    expect(todo.item("Two").locator("input[name=title]")).to_be_focused()
    todo.page.keyboard.press("Escape")
    expect(todo.item("Two").locator("summary")).to_be_focused()
    todo.checkbox("Two").focus()
    todo.page.keyboard.press("Space")
    expect(todo.checkbox("Two")).to_be_checked()


def test_a_delete_is_undone_by_a_key_and_told_to_screen_readers(open_page):
    todo = open_page()
    todo.add("One", "Two")
    toast = todo.page.locator(".toast[role=status]")
    expect(toast).to_be_empty()
    assert "none" not in toast.evaluate("(one) => [getComputedStyle(one).display]")
    todo.delete("One")
    expect(toast).to_contain_text("Deleted “One”")
    todo.title_input.press("Control+z")  # a text field's own business
    todo.expect_titles("Two")
    todo.checkbox("Two").press("Control+z")
    expect(todo.items).to_have_count(2)
    expect(toast).to_be_empty()


def test_a_refusal_is_announced(open_page):
    todo = open_page()
    todo.mutate("todo.create", {"id": "x", "title": "y" * 501})
    # "Not all saved" may follow, and does not take its place.
    expect(todo.announcer).to_contain_text("Not saved: Adding “yyy")
    expect(todo.announcer).to_contain_text("501 characters, 1 too many")


def test_a_change_in_a_long_list_touches_one_item(server, open_page):
    for page in range(3):
        server.push(*[{"id": f"m{page}-{n}", "name": "todo.create",
                       "args": {"id": f"t{page}-{n}", "title": f"Item {page} {n}"}}
                      for n in range(100)])
    todo = open_page()
    expect(todo.items).to_have_count(100)
    todo.expect_synced()
    touched = todo.page.evaluate(
        """async () => {
            const list = document.querySelector(".todo-list");
            const ids = new Set();
            const observer = new MutationObserver((records) => {
                for (const { target } of records) {
                    const item = (target.closest ? target : target.parentElement);
                    ids.add(item.closest(".todo-item")?.dataset.id ?? "list");
                }
            });
            const all = { attributes: true, childList: true, characterData: true, subtree: true };
            observer.observe(list, all);
            const item = list.children[50];
            item.querySelector("[name=done]").click();
            await mizu.client.sync();
            return [...ids].map((id) => id === item.dataset.id ? "it" : id);
        }""")
    assert touched == ["it"]
