"""The template `team` as people use it: two people with a list between them, on devices that come and go."""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from mizu_server import Server
from test_passkeys import authenticator

TEAM = Path(os.environ["MIZU_BIN"]).parent / "MizuTeamServer"


@pytest.fixture
def server(tmp_path):
    if not TEAM.exists():
        pytest.skip("MizuTeamServer is not built")
    server = Server(tmp_path, command=(str(TEAM),))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def person(new_context, server, watch):
    """Makes somebody with an account and a browser of their own; the page stands on the list of lists."""

    watch.network_may_fail = True  # a 403 of a list that is gone, and networks that are cut

    def make(name: str, **options) -> Page:
        page = new_context(**options).new_page()
        sign_up(page, server, name)
        return page

    return make


def sign_up(page: Page, server: Server, name: str) -> None:
    page.goto(server.url + "account/sign-up")
    page.get_by_label("Name, as others see it").fill(name)
    page.get_by_label("E-mail address").fill(f"{name.lower()}@example.org")
    page.get_by_label("Password").fill(f"a sentence of {name}")
    page.get_by_role("button", name="Make the account").click()
    expect(page.get_by_role("heading", name="Your lists")).to_be_visible()


def sign_in(page: Page, server: Server, name: str) -> None:
    page.goto(server.url + "account/sign-in")
    page.get_by_label("E-mail address").fill(f"{name.lower()}@example.org")
    page.get_by_label("Password").fill(f"a sentence of {name}")
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", name="Your lists")).to_be_visible()


def is_live(page: Page) -> None:
    expect(page.locator("html")).to_have_class(re.compile("is-live"))


def new_list(page: Page, title: str) -> str:
    """The address of a new list, on whose page we are."""
    page.get_by_label("Title of a new list").fill(title)
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("heading", name=title)).to_be_visible()
    return page.url


def invitation(page: Page, role: str = "editor") -> str:
    page.get_by_label("Role").select_option(role)
    page.get_by_role("button", name="Make an invitation").click()
    return page.get_by_label("Invitation").input_value()


def join(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_role("heading", name="Members")).to_be_visible()


def add(page: Page, title: str) -> None:
    page.get_by_label("What is to be done?").fill(title)
    page.get_by_role("button", name="Add").click()


def items(page: Page):
    return expect(page.locator(".items li span.title"))


def saved(page: Page) -> None:
    expect(page.locator(".status")).to_have_text("Saved")


def has_shell(page: Page) -> None:
    """Waits until the service worker could give the page without a network."""
    page.evaluate("""async () => {
        await navigator.serviceWorker.ready;
        for (let tries = 0; tries < 3000; tries += 1) {
            if (navigator.serviceWorker.controller && await caches.match("/?shell=1")) return;
            await new Promise((done) => setTimeout(done, 20));
        }
        throw new Error(`no shell: ${await caches.keys()}, ${navigator.serviceWorker.controller}`);
    }""")


def team(person, server, **options) -> tuple[Page, Page]:
    """Ann and Bob on the page of a list that Ann owns."""
    ann, bob = person("Ann", **options), person("Bob", **options)
    new_list(ann, "Groceries")
    join(bob, invitation(ann))
    return ann, bob


def test_two_people_share_a_list(person, server):
    ann, bob = team(person, server)
    for page in (ann, bob):
        is_live(page)
    add(ann, "Milk")
    items(bob).to_have_text(["Milk"])
    bob.get_by_label("Done: Milk").check()
    expect(ann.get_by_label("Done: Milk")).to_be_checked()
    # Both are here, in each page.
    for page in (ann, bob):
        expect(page.locator(".faces span")).to_have_count(2)


def test_an_owner_hands_a_list_over_and_leaves_it(person, server):
    ann, bob = team(person, server)
    is_live(ann)
    is_live(bob)
    member = ann.locator(".members li", has_text="Bob")
    expect(bob.get_by_role("button", name="Make owner")).to_have_count(0)
    member.get_by_role("button", name="Make owner").click()
    expect(member.locator(".role")).to_have_text("owner")
    expect(ann.get_by_role("button", name="Make owner")).to_have_count(0)
    expect(bob.get_by_role("button", name="Make an invitation")).to_be_visible()
    ann.get_by_role("button", name="Leave").click()
    expect(ann.get_by_role("heading", name="Your lists")).to_be_visible()
    expect(bob.locator(".members li")).to_have_count(1)


def test_an_edit_on_a_train_arrives_once(person, server):
    ann, bob = team(person, server, service_workers="allow")
    for page in (ann, bob):
        is_live(page)
    saved(ann)
    has_shell(ann)
    ann.context.set_offline(True)
    add(ann, "Tea")
    items(ann).to_have_text(["Tea"])
    ann.reload()
    items(ann).to_have_text(["Tea"])
    ann.context.set_offline(False)
    items(bob).to_have_text(["Tea"])
    saved(ann)
    items(bob).to_have_text(["Tea"])


def test_whoever_is_taken_out_loses_the_list_and_is_told(person, server):
    ann, bob = team(person, server)
    for page in (ann, bob):
        is_live(page)
    add(ann, "Secret")
    items(bob).to_have_text(["Secret"])
    ann.locator(".members li", has_text="Bob").get_by_role("button", name="Remove").click()
    expect(bob.get_by_role("alert")).to_contain_text("no longer a member")
    expect(bob.locator(".lists li")).to_have_count(0)
    assert "Secret" not in kept(bob)


def test_edits_of_whoever_was_taken_out_meanwhile_are_put_aside(person, server):
    ann, bob = team(person, server)
    for page in (ann, bob):
        is_live(page)
    saved(bob)
    bob.context.set_offline(True)
    add(bob, "Too late")
    ann.locator(".members li", has_text="Bob").get_by_role("button", name="Remove").click()
    expect(ann.locator(".members li")).to_have_count(1)
    bob.context.set_offline(False)
    expect(bob.get_by_role("alert")).to_contain_text("1 of your edits")
    items(ann).to_have_count(0)


def test_whoever_signs_in_next_finds_nothing_and_the_first_finds_their_edits(person, server):
    ann = person("Ann")
    address = new_list(ann, "Diary of Ann")
    is_live(ann)
    add(ann, "Sent secret")
    saved(ann)
    ann.route("**/_sync/push", lambda route: route.abort())
    ann.route_web_socket("**/ws", lambda socket: None)
    ann.reload()
    is_live(ann)
    add(ann, "Unsent secret")
    ann.get_by_role("button", name="Sign out").click()
    ann.get_by_role("button", name="Keep them for me").click()
    expect(ann.get_by_role("link", name="Make an account")).to_be_visible()
    ann.unroute("**/_sync/push")
    assert "secret" not in kept(ann)

    sign_up(ann, server, "Eve")
    expect(ann.locator(".lists li")).to_have_count(0)
    assert "secret" not in kept(ann) and "Diary" not in kept(ann)
    assert ann.goto(address).status == 403
    ann.goto(server.url)
    is_live(ann)
    ann.get_by_role("button", name="Sign out").click()
    # The script signs out, and leads there: not before may the page be sent elsewhere.
    expect(ann.get_by_role("link", name="Make an account")).to_be_visible()

    sign_in(ann, server, "Ann")
    ann.goto(address)
    items(ann).to_have_text(["Sent secret", "Unsent secret"])
    saved(ann)


def test_a_sign_out_without_the_script_leaves_what_others_have_sealed(person, server):
    page = person("Ann")
    diary = new_list(page, "Diary of Ann")
    is_live(page)
    page.route("**/_sync/push", lambda route: route.abort())
    page.route_web_socket("**/ws", lambda socket: None)
    page.reload()
    is_live(page)
    add(page, "Unsent secret")
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="Keep them for me").click()
    expect(page.get_by_role("link", name="Make an account")).to_be_visible()
    page.unroute("**/_sync/push")

    sign_up(page, server, "Eve")
    new_list(page, "Diary of Eve")
    is_live(page)
    saved(page)
    assert "Diary of Eve" in kept(page)
    # By the plain form of a page on which no script is at work.
    page.goto(server.url + "account")
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("link", name="Make an account")).to_be_visible()
    # The page asks that by itself; once more, to know when what is Eve's has gone.
    page.evaluate("import('mizu').then(({ whoAmI }) => whoAmI())")
    assert "Diary" not in kept(page) and "secret" not in kept(page)
    assert "mizu-left" not in page.evaluate("document.cookie")

    sign_in(page, server, "Ann")
    page.goto(diary)
    items(page).to_have_text(["Unsent secret"])
    saved(page)
    assert "mizu-kept" not in page.evaluate("document.cookie")


def test_a_sign_out_leaves_nothing_where_the_service_worker_is_at_work(person, server):
    ann = person("Ann", service_workers="allow")
    address = new_list(ann, "Diary of Ann")
    is_live(ann)
    add(ann, "Sent secret")
    saved(ann)
    has_shell(ann)
    assert "Diary" in kept(ann)
    ann.get_by_role("button", name="Sign out").click()
    expect(ann.get_by_role("link", name="Make an account")).to_be_visible()
    assert "secret" not in kept(ann) and "Diary" not in kept(ann)

    sign_up(ann, server, "Eve")
    is_live(ann)
    has_shell(ann)
    # The shell is nobody's page: without a network it shows what Eve has, which is nothing.
    ann.context.set_offline(True)
    for place in (server.url, address):
        ann.goto(place)
        expect(ann.locator(".lists li")).to_have_count(0)
        assert "Diary" not in ann.content() and "secret" not in ann.content()
    ann.context.set_offline(False)
    assert ann.goto(address).status == 403


def test_the_shell_keeps_no_files_of_earlier_versions(person, server):
    ann = person("Ann", service_workers="allow")
    has_shell(ann)
    ann.evaluate("""async () => {
        const cache = await caches.open("mizu-shell-1");
        await cache.put("/_mizu/earlier/mizu.js", new Response("old"));
        await (await navigator.serviceWorker.ready).unregister();
    }""")
    ann.reload()
    ann.wait_for_function("""async () => {
        const keys = await (await caches.open("mizu-shell-1")).keys();
        return keys.length > 1 && !keys.some(({ url }) => url.includes("/earlier/"));
    }""")


def test_a_page_that_came_past_the_service_worker_is_taken_by_it(person):
    ann = person("Ann", service_workers="allow")
    has_shell(ann)
    # As a sign-out may leave it: there is a worker, and the page was loaded without it.
    ann.context.new_cdp_session(ann).send("Page.reload", {"ignoreCache": True})
    expect(ann.get_by_role("heading", name="Your lists")).to_be_visible()
    has_shell(ann)


def test_a_passkey_is_the_second_way_in(new_context, server):
    server.url = server.url.replace("127.0.0.1", "localhost")
    page = new_context().new_page()
    authenticator(page, verifies=True)
    sign_up(page, server, "Ann")
    page.goto(server.url + "account")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.locator("#passkeys li")).to_have_count(1)
    page.get_by_role("button", name="Sign out").first.click()
    page.goto(server.url + "account/sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_role("heading", name="Your lists")).to_be_visible()


def test_all_of_it_works_without_javascript(person, server):
    ann, bob = team(person, server, java_script_enabled=False)
    add(ann, "Milk")
    bob.reload()
    bob.get_by_label("Done: Milk").check()
    bob.locator(".items").get_by_role("button", name="Save").click()
    expect(bob.get_by_label("Done: Milk")).to_be_checked()
    ann.reload()
    expect(ann.get_by_label("Done: Milk")).to_be_checked()
    ann.locator(".members li", has_text="Bob").get_by_role("button", name="Remove").click()
    assert bob.reload().status == 403
    ann.get_by_role("button", name="Sign out").click()
    expect(ann.get_by_role("link", name="Make an account")).to_be_visible()


KEPT = """async () => {
  const parts = [JSON.stringify(localStorage), JSON.stringify(sessionStorage)];
  for (const { name } of await indexedDB.databases()) {
    const database = await new Promise((done, failed) => {
      const opening = indexedDB.open(name);
      opening.onsuccess = () => done(opening.result);
      opening.onerror = () => failed(opening.error);
    });
    for (const store of database.objectStoreNames) {
      const rows = await new Promise((done) => {
        const asking = database.transaction(store).objectStore(store).getAll();
        asking.onsuccess = () => done(asking.result);
      });
      parts.push(name, store, JSON.stringify(rows));
    }
    database.close();
  }
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      parts.push(request.url, await (await cache.match(request)).text());
    }
  }
  return parts.join(" ");
}"""


def kept(page: Page) -> str:
    """All that scripts of this page's origin could read on the device."""
    return page.evaluate(KEPT)
