"""Without a network: everything goes on, survives, and lands exactly once when it is back."""

import pytest
from playwright.sync_api import expect

from todo_page import TodoPage

OFFLINE_SECONDS = 3

# Measured in the page, by its own ticks: one that is on no core notices nothing, and counts nothing.
OFFLINE_AFTER = """() => {
    window.offlineAfter = new Promise((resolve) => {
        let milliseconds = 0;
        const clock = setInterval(() => {
            milliseconds += 100;
            const { state } = document.querySelector('.sync-status').dataset;
            if (state !== 'offline' && milliseconds < 20000) return;
            clearInterval(clock);
            resolve(milliseconds);
        }, 100);
    });
}"""
# From then on nothing happens because time passes.
SLEEP = """() => { window.isAsleep = true; }"""
SLEEPY = """
    const { setTimeout } = window;
    window.setTimeout = (act, milliseconds, ...rest) => setTimeout((...given) => {
        if (!window.isAsleep || milliseconds < 500) act(...given);
    }, milliseconds, ...rest);
"""


def test_edits_survive_reload_and_a_closed_browser(server, installation, watch, open_page):
    watch.network_may_fail = True
    context = installation()
    page = context.new_page()
    page.goto(server.url)
    todo = TodoPage(page)
    todo.add("Before")
    todo.expect_synced()
    todo.installed()

    context.set_offline(True)
    todo.expect_state("offline")
    todo.add("In the tunnel")
    todo.page.reload()
    todo.expect_titles("Before", "In the tunnel")
    expect(todo.item("In the tunnel")).to_have_attribute("data-pending", "true")
    todo.edit("Before", "Before, edited")
    todo.checkbox("In the tunnel").check()
    expect(todo.status).to_contain_text("3 waiting")
    assert server.titles() == ["Before"]
    context.close()

    # The server is away while the browser opens again: the page comes from the browser alone.
    server.kill()
    context = installation()
    todo = TodoPage(context.new_page())
    todo.page.goto(server.url)
    todo.expect_titles("Before, edited", "In the tunnel")
    expect(todo.pending).to_have_count(2)
    expect(todo.checkbox("In the tunnel")).to_be_checked()
    todo.expect_state("offline")
    server.start()
    todo.expect_synced(timeout=60_000)
    other = open_page()
    other.expect_titles("Before, edited", "In the tunnel")
    assert server.titles() == ["Before, edited", "In the tunnel"]


def test_the_online_event_syncs_at_once(server, new_context, open_page, watch):
    watch.network_may_fail = True
    context = new_context()
    context.add_init_script(SLEEPY)
    todo, other = open_page(context), open_page()
    todo.expect_state("online")
    context.set_offline(True)
    todo.expect_state("offline")
    todo.add(*[f"Offline {number}" for number in range(5)])
    expect(todo.pending).to_have_count(5)
    todo.page.evaluate(SLEEP)
    context.set_offline(False)
    expect(other.items).to_have_count(5)
    todo.expect_synced()


def test_an_edit_made_in_the_moment_of_a_reload_is_kept(server, new_context, open_page, watch):
    watch.network_may_fail = True
    context = new_context(service_workers="allow")
    todo = open_page(context)
    todo.expect_state("online")
    todo.installed()
    context.set_offline(True)
    todo.expect_state("offline")
    titles = [f"Last moment {number}" for number in range(5)]
    for title in titles:
        todo.page.evaluate(
            """(title) => {
                mizu.client.mutate("todo.create", { id: title, title });
                location.reload();
            }""", title)
        expect(todo.item(title)).to_be_visible()
    context.set_offline(False)
    todo.expect_titles(*titles)
    todo.expect_synced()
    assert server.titles() == titles


def test_more_edits_than_one_push_may_carry(server, new_context, open_page, watch):
    watch.network_may_fail = True
    context = new_context()
    todo = open_page(context)
    todo.expect_state("online")
    context.set_offline(True)
    todo.expect_state("offline")
    todo.page.evaluate(
        """() => { for (let n = 0; n < 250; n++)
            mizu.client.mutate("todo.create", { id: `bulk-${n}`, title: `Bulk ${n}` }); }""")
    expect(todo.status).to_contain_text("250 waiting")
    expect(todo.pending).to_have_count(100)  # a long list is shown in part
    context.set_offline(False)
    todo.expect_synced(timeout=60_000)
    assert len(server.todos()) == 250


@pytest.mark.alone
def test_a_silent_server_is_noticed_within_three_seconds(server, open_page, watch):
    watch.network_may_fail = True
    todo = open_page()
    todo.add("Heard")
    todo.expect_synced()
    server.freeze()
    todo.page.evaluate(OFFLINE_AFTER)
    assert todo.page.evaluate("offlineAfter") < OFFLINE_SECONDS * 1000
    todo.add("Said into the void")
    expect(todo.pending).to_have_count(1)
    server.thaw()
    todo.expect_synced(timeout=60_000)
    assert server.titles() == ["Heard", "Said into the void"]


def test_a_killed_server_comes_back_and_open_pages_carry_on(server, open_page, watch):
    watch.network_may_fail = True
    ana, ben = open_page(), open_page()
    ana.add("Kept")
    ben.expect_titles("Kept")
    server.kill()
    ana.expect_state("offline")
    ana.add("While it was away")
    ben.checkbox("Kept").check()
    server.start()
    for one in (ana, ben):
        one.expect_synced(timeout=60_000)
        one.expect_titles("Kept", "While it was away")
        expect(one.checkbox("Kept")).to_be_checked()
    ben.add("And live again")
    expect(ana.item("And live again")).to_be_visible()
    assert server.titles() == ["And live again", "Kept", "While it was away"]


def test_a_wiped_server_gets_the_queue_and_gives_its_state(server, open_page, watch):
    watch.network_may_fail = True
    todo = open_page()
    todo.add("Lost with the disk")
    todo.expect_synced()
    server.kill()
    for file in server.directory.glob("mizu.db*"):
        file.unlink()
    todo.add("Still in the queue")
    server.start()
    todo.expect_titles("Still in the queue")
    todo.expect_synced(timeout=60_000)
    assert server.titles() == ["Still in the queue"]


def test_a_browser_that_wrongly_says_it_is_offline_is_not_believed_for_long(
        server, new_context, open_page):
    """Behind some VPNs and virtual adapters `navigator.onLine` is false while everything works."""
    context = new_context()
    context.add_init_script(
        "Object.defineProperty(Navigator.prototype, 'onLine', { get: () => false });")
    todo, other = open_page(context), open_page()
    todo.add("Sent all the same")
    other.expect_titles("Sent all the same")
    todo.expect_synced()
    other.add("Seen all the same")
    todo.expect_titles("Sent all the same", "Seen all the same")
    todo._wait("() => mizu.live.status === 'open'")


def test_the_offline_event_alone_stops_nothing(server, open_page):
    todo, other = open_page(), open_page()
    todo.expect_state("online")
    todo.record_states()
    todo.page.evaluate("""() => {
        Object.defineProperty(Navigator.prototype, "onLine", { get: () => false });
        dispatchEvent(new Event("offline"));
    }""")
    todo.expect_recorded("offline")
    todo.expect_synced()
    other.add("From afar")
    todo.expect_titles("From afar")
