"""Several people, scopes and tabs, with the client's hub, against the small server of people_server.py:
lists that come and go, rights that end, and a browser that is used by one person after another."""

import pytest
from playwright.sync_api import expect

from conftest import Watch
from people_server import PeopleServer

# Every byte that a page of this origin can read: names and contents of databases, localStorage, caches.
LEFT = """async () => {
    const text = [JSON.stringify(localStorage), JSON.stringify(sessionStorage)];
    for (const { name } of await indexedDB.databases()) {
        text.push(name);
        const database = await new Promise((resolve, reject) => {
            const request = indexedDB.open(name);
            request.onsuccess = () => resolve(request.result);
            request.onerror = () => reject(request.error);
        });
        for (const store of database.objectStoreNames) {
            const all = database.transaction(store).objectStore(store);
            const [keys, values] = await Promise.all([all.getAllKeys(), all.getAll()].map((request) =>
                new Promise((resolve) => { request.onsuccess = () => resolve(request.result); })));
            for (const value of values) {
                if (value?.data instanceof ArrayBuffer) {
                    text.push(new TextDecoder("latin1").decode(value.data));
                }
            }
            text.push(JSON.stringify([store, keys, values]));
        }
        database.close();
    }
    for (const name of await caches.keys()) {
        text.push(name);
        for (const request of await (await caches.open(name)).keys()) {
            text.push(request.url, await (await caches.match(request)).text());
        }
    }
    return text.join("\\n");
}"""


class Person:
    """A page of the small server, in the browser of somebody."""

    def __init__(self, page):
        self.page = page

    def start(self, **options) -> dict:
        self.page.wait_for_function("window.isReady")
        return self.page.evaluate("(options) => start(options)", options)

    def open(self, scope: str, *texts: str) -> None:
        self.page.evaluate("(scope) => { hub.open(scope); }", scope)
        self.until(scope, *texts)

    def until(self, scope: str, *texts: str) -> None:
        """Syncs until the scope shows these texts; an empty list stands for nothing."""
        self.wait("""async ([scope, texts]) => {
            await hub.sync();
            return JSON.stringify(window.texts(scope)) === JSON.stringify(texts);
        }""", [scope, sorted(texts)])

    def write(self, scope: str, id: str, text: str) -> None:
        self.page.evaluate("""async ([scope, id, text]) => {
            const client = hub.clients.find((one) => one.scope === scope);
            await client.saved(client.mutate("note.write", { id, text }));
        }""", [scope, id, text])

    def wait(self, condition: str, argument=None) -> None:
        self.page.wait_for_function(condition, arg=argument, polling=50, timeout=60_000)

    def told(self, kind: str) -> list[dict]:
        return self.page.evaluate("(kind) => told.filter(([one]) => one === kind).map(([, it]) => it)",
                                  kind)

    def wait_told(self, kind: str) -> dict:
        self.wait("(kind) => told.some(([one]) => one === kind)", kind)
        return self.told(kind)[-1]


@pytest.fixture
def people():
    server = PeopleServer()
    yield server
    server.close()


@pytest.fixture
def somebody(browser, people, watch: Watch):
    """Makes browsers; `sign_in` says who uses one, `tab` opens another page in it."""
    contexts = []

    class Browser:
        def __init__(self, user: str):
            self.context = browser.new_context(service_workers="block")
            watch.over(self.context)
            contexts.append(self.context)
            self.sign_in(user)

        def sign_in(self, user: str | None) -> None:
            self.context.clear_cookies()
            if user:
                self.context.add_cookies([{"name": "user", "value": user, "url": people.url}])

        def tab(self) -> Person:
            page = self.context.new_page()
            page.goto(people.url)
            return Person(page)

    yield Browser
    for context in contexts:
        context.close()


def test_a_hub_opens_what_its_person_has_and_sends_to_each(people, somebody):
    people.grant("home", "ann", "owner")
    people.grant("club", "ann", "editor")
    people.scope("club").write("note", "n0", {"text": "Minutes"})
    ann = somebody("ann").tab()
    assert ann.start()["user"] == "ann"
    ann.wait("async () => { await hub.sync(); return hub.scopes.length === 2; }")
    assert ann.page.evaluate("hub.scopes") == [
        {"scope": "club", "role": "editor"}, {"scope": "home", "role": "owner"}]
    assert ann.told("scopes")[-1]["came"] == ["club", "home"]
    ann.open("home")
    ann.open("club", "Minutes")
    ann.write("home", "n1", "Milk")
    ann.write("club", "n2", "Dues")
    ann.until("home", "Milk")
    ann.until("club", "Dues", "Minutes")
    assert people.texts("home") == ["Milk"] and people.texts("club") == ["Dues", "Minutes"]
    [pushed] = people.pushed("home")
    assert pushed["time"].endswith("Z") and len(pushed["time"]) == 24
    club = "hub.clients.find((one) => one.scope === 'club')"
    assert ann.page.evaluate(f"{club}.role") == "editor"
    assert ann.page.evaluate(f"{club}.entries('mizu.grant')") == [["ann", {"role": "editor"}]]


def test_appliers_are_told_who_edits_and_what_they_throw_is_seen_once(people, somebody, watch):
    people.grant("home", "ann", "owner")
    tab = somebody("ann").tab()
    tab.start()
    tab.open("home")
    people.is_down = True
    watch.network_may_fail = True
    shown = tab.page.evaluate("""() => {
        const [client] = hub.clients;
        client.mutate("note.write", { id: "n1", text: "Tea" });
        return client.get("note", "n1");
    }""")
    assert (shown["by"], shown["role"]) == ("ann", "owner")
    errors = []
    tab.page.on("console", lambda one: one.type == "error" and "applier" in one.text
                and errors.append(one.text))
    tab.page.evaluate("""async () => {
        const [client] = hub.clients;
        client.mutate("note.throw", {});
        for (let n = 0; n < 5; n++) { client.replay(); client.all("note"); await 0; }
    }""")
    assert tab.wait_told("applier")["name"] == "note.throw"
    assert len(tab.told("applier")) == len(errors) == 1
    watch.complaints = [one for one in watch.complaints if "applier of note.throw" not in one]


def test_a_scope_that_is_closed_sends_first_what_waits(people, somebody, watch):
    people.grant("home", "ann", "owner")
    tab = somebody("ann").tab()
    tab.start()
    tab.open("home")
    watch.network_may_fail = True
    people.is_down = True
    tab.write("home", "n1", "Left behind")
    tab.page.evaluate("hub.close('home')")
    assert tab.page.evaluate("hub.clients.length") == 1, "it has something to send"
    people.is_down = False
    tab.page.evaluate("hub.sync()")
    tab.wait("() => hub.clients.length === 0")
    assert people.texts("home") == ["Left behind"]


def test_many_scopes_ask_a_few_at_a_time_and_one_for_all_while_nothing_answers(
        people, somebody, watch):
    watch.network_may_fail = True
    for number in range(12):
        people.grant(f"list {number}", "ann", "owner")
    tab = somebody("ann").tab()
    tab.start()
    people.delay_seconds = 0.03
    tab.wait("async () => { await hub.sync(); return hub.scopes.length === 12; }")
    people.flying_most = 0
    tab.page.evaluate("for (const { scope } of hub.scopes) hub.open(scope);")
    tab.wait("() => hub.clients.every((one) => one.position !== null)")
    assert people.flying_most <= 4
    people.is_down = True
    done, posts = tab.page.evaluate("""async () => {
        const { fetch } = window;
        let posts = 0;
        window.fetch = (url, options) => {
            if (options?.method === "POST") posts += 1;
            return fetch(url, options);
        };
        const done = await hub.sync();
        window.fetch = fetch;
        return [done, posts];
    }""")
    assert done is False
    assert 0 < posts <= 6, "those that were on their way, and one that tried for all"
    people.is_down = False
    tab.wait("() => hub.sync()")
    assert tab.page.evaluate("hub.status.state") == "online"


@pytest.mark.parametrize("way", ["list", "answer", "socket"])
def test_who_is_taken_out_loses_the_scope_in_all_tabs_and_keeps_the_edits_aside(
        people, somebody, watch, way):
    people.grant("club", "ben", "editor")
    people.scope("club").write("note", "n0", {"text": "Confidential"})
    ben = somebody("ben")
    tabs = [ben.tab(), ben.tab()]
    for tab in tabs:
        tab.start()
        tab.open("club", "Confidential")
    watch.network_may_fail = True
    people.is_down = True
    tabs[0].write("club", "n1", "Typed offline")
    tabs[1].wait("() => texts('club').length === 2")
    people.revoke("club", "ben", is_listed=way != "list")
    people.is_down = False
    if way == "list":
        tabs[0].wait("() => hub.home.pull()")
    elif way == "answer":
        tabs[0].page.evaluate("() => { hub.clients[0].pull(); }")
    else:
        tabs[0].page.evaluate("""() => hub.clients[0].receive(
            { type: "error", topic: "sync:club", code: "scope_denied", error: "a test says so" })""")
    for tab in tabs:
        lost = tab.wait_told("lost")
        assert (lost["scope"], lost["reason"]["code"]) == ("club", "scope_denied")
        assert [one["args"]["text"] for one in lost["edits"]] == ["Typed offline"]
        assert tab.page.evaluate("texts('club')") == []
    tabs[0].wait(f"async () => !(await ({LEFT})()).includes('Confidential')")
    assert people.texts("club") == ["Confidential"]


def test_a_device_that_was_offline_loses_the_scope_at_its_first_contact(people, somebody, watch):
    """Also one that it does not open: the list says that it is gone."""
    watch.network_may_fail = True
    people.grant("club", "ben", "editor")
    people.scope("club").write("note", "n0", {"text": "Confidential"})
    ben = somebody("ben")
    tab = ben.tab()
    tab.start()
    tab.open("club", "Confidential")
    tab.wait("() => hub.scopes.length === 1")
    tab.page.close()
    people.revoke("club", "ben")
    tab = ben.tab()
    tab.start()
    assert tab.wait_told("lost")["scope"] == "club"
    assert tab.told("scopes")[-1]["went"] == ["club"]
    tab.wait(f"async () => !(await ({LEFT})()).includes('Confidential')")


def test_a_reader_keeps_the_records_and_is_told_of_the_edits(people, somebody, watch):
    watch.network_may_fail = True
    people.grant("club", "ben", "editor")
    people.scope("club").write("note", "n0", {"text": "Minutes"})
    tab = somebody("ben").tab()
    tab.start()
    tab.open("club", "Minutes")
    people.grant("club", "ben", "reader")
    tab.write("club", "n1", "Too late")
    told = tab.wait_told("aside")
    assert [one["args"]["text"] for one in told["edits"]] == ["Too late"]
    tab.until("club", "Minutes")
    assert tab.told("lost") == []


def test_a_lease_that_is_over_hides_the_scope_until_the_server_answers(people, somebody, watch):
    people.grant("club", "ben", "editor")
    people.scope("club").write("note", "n0", {"text": "Minutes"})
    tab = somebody("ben").tab()
    tab.start(leaseDays=30)
    tab.open("club", "Minutes")
    watch.network_may_fail = True
    people.is_down = True
    tab.page.evaluate("() => { const { now } = Date; Date.now = () => now() + 31 * 86400000; }")
    assert tab.page.evaluate("[texts('club'), hub.clients[0].status.isHidden]") == [[], True]
    tab.page.evaluate("() => { const { now } = Date; Date.now = () => now() - 33 * 86400000; }")
    assert tab.page.evaluate("texts('club')") == [], "a clock that was set back proves nothing"
    tab.page.evaluate("() => { Date.now = () => new Date().getTime(); }")
    people.is_down = False
    tab.until("club", "Minutes")
    assert tab.page.evaluate("hub.scopes.length") == 1, "a hidden list is not an empty one"


def test_sign_out_asks_and_what_is_kept_waits_sealed_for_its_person(people, somebody, watch):
    """Story 2 of the issue: Ann edits offline, signs out, Ben uses the browser, Ann comes back."""
    for user in ("ann", "ben"):
        people.grant(f"of {user}", user, "owner")
    browser = somebody("ann")
    ann = browser.tab()
    other = browser.tab()
    for tab in (ann, other):
        tab.start()
        tab.open("of ann")
    ann.wait(f"async () => (await ({LEFT})()).includes('seal')")
    watch.network_may_fail = True
    people.is_down = True
    ann.write("of ann", "n1", "A private word")
    assert ann.page.evaluate("hub.signOut()") == {
        "isDone": False, "waiting": 1, "kept": 0, "problem": None}
    assert ann.page.evaluate("texts('of ann')") == ["A private word"]
    done = ann.page.evaluate("hub.signOut({ keep: true })")
    assert done == {"isDone": True, "waiting": 1, "kept": 1, "problem": None}
    assert other.wait_told("user") is None, "the other tab stops"
    left = ann.page.evaluate(LEFT)
    assert '"label"' in left
    for byte in ("ann", "private", "n1", "note.write"):
        assert byte not in left, byte
    people.is_down = False
    browser.sign_in("ben")
    for tab in (ann, other):
        tab.page.close()
    ben = browser.tab()
    ben.start()
    ben.open("of ben")
    ben.write("of ben", "n2", "Of Ben")
    ben.until("of ben", "Of Ben")
    left = ben.page.evaluate(LEFT)
    assert "private" not in left and "ann" not in left
    assert ben.page.evaluate("hub.signOut()")["isDone"] is True
    assert "ben" not in ben.page.evaluate(LEFT)
    ben.page.close()
    assert people.authors("of ann") <= {"ann"}
    browser.sign_in("ann")
    ann = browser.tab()
    ann.start()
    ann.open("of ann", "A private word")
    ann.wait("async () => { await hub.sync(); return hub.status.waiting === 0; }")
    assert people.texts("of ann") == ["A private word"]
    assert people.authors("of ann") == {"ann"}


def test_sign_out_may_throw_the_edits_away(people, somebody, watch):
    people.grant("of ann", "ann", "owner")
    browser = somebody("ann")
    ann = browser.tab()
    ann.start()
    ann.open("of ann")
    watch.network_may_fail = True
    people.is_down = True
    ann.write("of ann", "n1", "Thrown away")
    assert ann.page.evaluate("hub.signOut({ keep: false })")["isDone"] is True
    assert '"label"' not in ann.page.evaluate(LEFT)
    people.is_down = False
    ann.page.close()
    ann = browser.tab()
    ann.start()
    ann.open("of ann")
    assert people.texts("of ann") == []


def test_who_signs_in_without_the_other_signing_out_finds_nothing_either(people, somebody, watch):
    """The other's tabs stop, what waits there is sealed with their own key and not sent as another's."""
    for user in ("ann", "ben"):
        people.grant(f"of {user}", user, "owner")
    browser = somebody("ann")
    ann = browser.tab()
    ann.start()
    ann.open("of ann")
    ann.wait(f"async () => (await ({LEFT})()).includes('seal')")
    watch.network_may_fail = True
    people.is_down = True
    ann.write("of ann", "n1", "A private word")
    browser.sign_in("ben")
    people.is_down = False
    ben = browser.tab()
    ben.start()
    assert ann.wait_told("user")["user"] == "ben"
    with pytest.raises(Exception, match="closed|stopped"):
        ann.page.evaluate("hub.open('of ann').mutate('note.write', { id: 'n2', text: 'Late' })")
    ben.wait(f"""async () => {{
        const left = await ({LEFT})();
        return left.includes('"label"') && !left.includes("private") && !left.includes("ann");
    }}""")
    assert people.authors("of ann") <= {"ann"}
    browser.sign_in("ann")
    ben.page.close()
    ann.page.reload()
    ann.start()
    ann.open("of ann", "A private word")
    ann.wait("async () => { await hub.sync(); return hub.status.waiting === 0; }")
    assert people.texts("of ann") == ["A private word"]


def test_an_edit_is_not_sent_with_the_credentials_of_another(people, somebody, watch):
    """The cookie has changed under an open page that has heard nothing of it."""
    for user in ("ann", "ben"):
        people.grant("shared", user, "editor")
    browser = somebody("ann")
    ann = browser.tab()
    ann.start()
    ann.open("shared")
    watch.network_may_fail = True
    browser.sign_in("ben")
    ann.write("shared", "n1", "Of Ann")
    assert ann.wait_told("user")["user"] == "ben"
    assert people.texts("shared") == []


def test_a_page_opens_offline_as_who_it_was(people, somebody, watch):
    people.grant("home", "ann", "owner")
    people.scope("home").write("note", "n0", {"text": "Milk"})
    browser = somebody("ann")
    tab = browser.tab()
    tab.start()
    tab.open("home", "Milk")
    tab.wait("() => hub.scopes.length === 1")
    watch.network_may_fail = True
    tab.page.route("**/_sync/*", lambda route: route.abort())
    tab.page.goto(people.url)
    who = tab.start()
    assert (who["user"], who["name"], who["source"]) == ("ann", "Ann", "device")
    tab.page.evaluate("hub.open('home').ready")
    assert tab.page.evaluate("[hub.scopes[0].scope, texts('home')]") == ["home", ["Milk"]]


def test_a_401_renews_once_for_all_scopes_and_keeps_the_queue(people, somebody, watch):
    people.grant("a", "ann", "owner")
    people.grant("b", "ann", "owner")
    browser = somebody("ann")
    tab = browser.tab()
    tab.start()
    tab.open("a")
    tab.open("b")
    watch.network_may_fail = True
    browser.sign_in(None)
    tab.write("a", "n1", "Kept")
    tab.page.evaluate("hub.sync()")
    tab.wait("() => hub.clients[0].status.problem?.code === 'unauthenticated'")
    assert tab.page.evaluate("hub.clients[0].status.waiting") == 1
    browser.sign_in("ann")
    tab.until("a", "Kept")
    assert people.texts("a") == ["Kept"]


SOCKETS = """
    window.sockets = [];
    window.WebSocket = class {
        static OPEN = 1;
        readyState = 0;
        sent = [];
        constructor() {
            sockets.push(this);
            setTimeout(() => { this.readyState = 1; this.onopen?.({}); });
        }
        send(text) {
            const { type, ref, topic } = JSON.parse(text);
            this.sent.push([type, topic]);
            const answer = JSON.stringify({ type: type === "ping" ? "pong" : "ack", ref, topic });
            setTimeout(() => this.onmessage?.({ data: answer }));
        }
        close() { this.readyState = 3; }
    };
"""


def test_all_scopes_share_one_socket(people, somebody):
    for scope in ("a", "b", "c"):
        people.grant(scope, "ann", "owner")
    browser = somebody("ann")
    browser.context.add_init_script(SOCKETS)
    tab = browser.tab()
    tab.start(live={})
    for scope in ("a", "b", "c"):
        tab.open(scope)
    tab.wait("() => sockets[0]?.sent.filter(([type]) => type === 'subscribe').length >= 4")
    assert tab.page.evaluate("sockets.length") == 1
    topics = tab.page.evaluate("[...new Set(sockets[0].sent.map(([, topic]) => topic))].sort()")
    assert [one for one in topics if one] == ["sync:a", "sync:b", "sync:c", "sync:user:ann"]
    tab.page.evaluate("hub.close('b')")
    tab.wait("() => sockets[0].sent.some(([type, topic]) => type === 'unsubscribe' && topic === 'sync:b')")


def test_a_difference_between_applier_and_mutator_is_told_in_development(people, somebody):
    people.grant("home", "ann", "owner")
    tab = somebody("ann").tab()
    warned = []
    tab.page.on("console", lambda one: one.type == "warning" and warned.append(one.text))
    tab.page.evaluate("window.mizuDev = { panel: { told: (text) => told.push(['panel', text]) } }")
    tab.start()
    tab.open("home")
    tab.write("home", "n1", "Agreed")
    tab.until("home", "Agreed")
    assert tab.told("difference") == [], "what only the applier has is the page's own"
    # From here on the server trims what the applier does not.
    people._apply = trimming(people._apply)
    tab.write("home", "n3", " Blank ")
    told = tab.wait_told("difference")
    [difference] = told["differences"]
    assert difference["shown"]["text"] == " Blank "
    assert difference["confirmed"] == {"text": "Blank", "by": "ann"}
    assert any('shown {"text":" Blank "' in text and 'confirmed {"text":"Blank"' in text
               for text in warned)
    assert tab.told("panel")


def trimming(apply):
    def trimmed(scope, user, one):
        args = {**one["args"], "text": one["args"]["text"].strip()}
        return apply(scope, user, {**one, "args": args})
    return trimmed


def test_what_is_kept_of_sign_outs_is_bounded_and_the_latest_stays(somebody):
    page = somebody("ann").tab().page
    found = page.evaluate("""async () => {
        const { keepSealed, sealsOf, takeSealed } = await import("/mizu/kept-edits.js");
        const key = (letter) => btoa(letter.repeat(32)).replaceAll("+", "-").replaceAll("/", "_");
        const [mine] = await sealsOf([key("a")]);
        const [other] = await sealsOf([key("b")]);
        const read = async (seal) => {
            const texts = [];
            await takeSealed([seal], async (value) => { texts.push(value.text); });
            return texts;
        };
        for (let at = 0; at < 40; at += 1) await keepSealed(other, { text: `edit ${at}` });
        await keepSealed(mine, { text: "mine" });
        const many = [await read(mine), await read(other)];
        const long = "x".repeat(6 * 1024 * 1024);
        for (let at = 0; at < 4; at += 1) await keepSealed(other, { text: `${at}${long}` });
        return [...many, (await read(other)).map((text) => text[0])];
    }""")
    assert found[0] == ["mine"]
    assert found[1] == [f"edit {at}" for at in range(9, 40)]
    # The latest, and as many before it as there is room for.
    assert found[2] == ["2", "3"]
