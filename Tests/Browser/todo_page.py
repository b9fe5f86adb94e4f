"""The todo page as a person sees it, by the hooks that the issue promises to others."""

from playwright.sync_api import Locator, Page, expect


class TodoPage:
    def __init__(self, page: Page):
        self.page = page
        self.form = page.locator('form.todo-form[method="post"][action="/todos"]')
        self.title_input = self.form.locator("input[name=title]")
        self.items = page.locator(".todo-item")
        self.pending = page.locator('.todo-item[data-pending="true"]')
        self.status = page.locator(".sync-status")
        self.refusals = page.locator(".refusal")
        self.announcer = page.locator(".announcer")

    def add(self, *titles: str) -> None:
        for title in titles:
            self.title_input.fill(title)
            self.title_input.press("Enter")

    def item(self, title: str) -> Locator:
        named = self.page.locator(".todo-title").get_by_text(title, exact=True)
        return self.items.filter(has=named)

    def checkbox(self, title: str) -> Locator:
        return self.item(title).locator("input[type=checkbox]")

    def save_tick(self, title: str) -> None:
        """Without scripts a tick is saved by a button."""
        name = f"Save the tick of {title}"
        self.item(title).get_by_role("button", name=name, exact=True).click()

    def delete(self, title: str) -> None:
        self.item(title).get_by_role("button", name=f"Delete {title}", exact=True).click()

    def edit(self, title: str, new_title: str) -> None:
        item = self.item(title)
        item.locator("summary").click()
        item.locator("input[name=title]").fill(new_title)
        item.locator("input[name=title]").press("Enter")

    def expect_titles(self, *titles: str) -> None:
        expect(self.page.locator(".todo-title")).to_have_text(list(titles))

    def expect_state(self, state: str, timeout: float | None = None) -> None:
        expect(self.status).to_have_attribute("data-state", state, timeout=timeout)

    def record_states(self) -> None:
        """Begins to write down each state, however short."""
        self.page.evaluate(
            """() => {
                const status = document.querySelector(".sync-status");
                window.states = [];
                new MutationObserver(() => states.push(status.dataset.state))
                    .observe(status, { attributeFilter: ["data-state"] });
            }""")

    def expect_recorded(self, state: str) -> None:
        self._wait(f"() => states.includes('{state}')")

    def _wait(self, condition: str) -> None:
        """Waits in the page; Playwright's own wait uses eval, which the page's policy forbids."""
        self.page.evaluate(f"""() => new Promise((resolve, reject) => {{
            const condition = {condition};
            const giveUp = setTimeout(() => reject(new Error("waited too long")), 60_000);
            const look = () => {{
                if (!condition()) return setTimeout(look, 20);
                clearTimeout(giveUp);
                resolve();
            }};
            look();
        }})""")

    def expect_synced(self, timeout: float | None = None) -> None:
        """Online, and nothing waits."""
        expect(self.pending).to_have_count(0, timeout=timeout)
        self.expect_state("online", timeout)

    def installed(self) -> None:
        """Waits until the page would open without a network."""
        self.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        self._wait("() => navigator.serviceWorker.controller !== null")

    def mutate(self, name: str, args: dict) -> str:
        """Makes a mutation through the client's interface and waits until it is stored."""
        # The page is loaded before its module has opened the storage and made the client.
        self._wait("() => window.mizu !== undefined")
        return self.page.evaluate(
            """async ([name, args]) => {
                const id = mizu.client.mutate(name, args);
                await mizu.client.saved(id);
                return id;
            }""", [name, args])
