"""Nothing moves while nothing happens: a day with waiting edits is no day at sixty frames a second."""

from playwright.sync_api import expect

MOVING = "document.getAnimations().filter((one) => one.playState === 'running').length"


def test_a_page_with_waiting_edits_stands_still(open_page, watch):
    watch.network_may_fail = True
    todo = open_page()
    todo.expect_state("online")
    todo.page.context.set_offline(True)
    todo.expect_state("offline")
    todo.add("One", "Two")
    expect(todo.pending).to_have_count(2)
    todo._wait(f"() => {MOVING} === 0")


def test_whatever_moves_ends_soon(open_page, watch):
    """A push that takes its time, a toast, an item that was just added."""
    watch.network_may_fail = True
    todo = open_page()
    todo.expect_state("online")
    todo.page.evaluate("""() => {
        window.longest = 0;
        const look = () => {
            for (const { effect } of document.getAnimations()) {
                const { duration, iterations, delay } = effect.getComputedTiming();
                window.longest = Math.max(window.longest, delay + duration * iterations);
            }
        };
        new MutationObserver(look).observe(document, {
            attributes: true, childList: true, subtree: true });
    }""")
    todo.page.route("**/_sync/push", lambda route: None)  # never answered
    todo.add("Gone soon", "On its way")
    expect(todo.pending).to_have_count(2)
    expect(todo.status).to_have_attribute("data-state", "syncing")
    todo.delete("Gone soon")
    todo._wait(f"() => {MOVING} === 0")
    assert 0 < todo.page.evaluate("longest") < 5000
    todo.expect_state("syncing")  # still, and nothing moves


def test_many_changes_in_a_moment_are_one_rendering(open_page):
    todo = open_page()
    todo.expect_state("online")
    assert todo.page.evaluate("""async () => {
        const { oncePerFrame } = await import("mizu/frame.js");
        let count = 0;
        const render = oncePerFrame(() => { count += 1; });
        for (let n = 0; n < 1000; n++) render();
        const inTask = count;
        const pause = (milliseconds) => new Promise((end) => setTimeout(end, milliseconds));
        for (let tries = 0; tries < 600 && count < 2; tries += 1) await pause(100);
        await pause(400);
        return [inTask, count];
    }""") == [1, 2]
