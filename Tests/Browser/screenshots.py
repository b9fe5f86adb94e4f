"""Takes pictures of every page in every dress, for eyes: `make screenshots`, .build/screenshots/*.png.

No test: what is wrong here somebody has to see. Each picture is a state of a page (full, long, empty,
offline, refused, without scripts, an error, the counter, the tools of `mizu dev`) in the dresses in
which people have it: wide, on a phone, dark, in high contrast, at 200 % zoom.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright

from conftest import launch_options
from mizu_server import Server
from todo_page import TodoPage

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/Process"))

from dev import Dev  # noqa: E402

OUT = ROOT / ".build/screenshots"
BIN = Path(os.environ["MIZU_BIN"]).absolute()

WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 780}
DRESSES: dict[str, dict] = {
    "wide": {"viewport": WIDE},
    "phone": {"viewport": PHONE, "has_touch": True, "is_mobile": True},
    "dark": {"viewport": WIDE, "color_scheme": "dark"},
    "phone-dark": {"viewport": PHONE, "color_scheme": "dark"},
    "contrast": {"viewport": WIDE, "forced_colors": "active"},
    "contrast-dark": {"viewport": WIDE, "forced_colors": "active", "color_scheme": "dark"},
    # A page at 200 % has half of the pixels to lay itself out in.
    "zoom": {"viewport": {"width": 640, "height": 400}, "device_scale_factor": 2},
}
TITLES = ["Water the plants", "Write to Ana about the weekend in the mountains", "Buy oat milk",
          "מלפפון וגבינה", "Ring the dentist", "LongWordThatHasNoPlaceToBreakInItAtAll" * 3]


class Studio:
    def __init__(self, browser: Browser, folder: Path):
        self.browser = browser
        self.folder = folder
        self._contexts: list[BrowserContext] = []
        self._servers: list[Server] = []
        self.tools: Dev | None = None

    def serve(self, *command: str, **settings: str) -> Server:
        folder = self.folder / f"server-{len(self._servers)}"
        folder.mkdir()
        server = Server(folder, settings, command or (str(BIN), "serve"))
        server.start()
        self._servers.append(server)
        return server

    def open(self, url: str, dress: str, **options) -> TodoPage:
        options = {"service_workers": "block", "reduced_motion": "reduce"} | options
        context = self.browser.new_context(**DRESSES[dress], **options)
        self._contexts.append(context)
        page = context.new_page()
        page.goto(url)
        return TodoPage(page)

    def take(self, todo: TodoPage, name: str, is_whole: bool = False) -> None:
        todo.page.screenshot(path=OUT / f"{name}.png", full_page=is_whole)

    def close(self) -> None:
        for context in self._contexts:
            context.close()
        for server in self._servers:
            server.kill()
        if self.tools:
            self.tools.kill()


def fill(server: Server, titles: list[str], prefix: str = "t") -> None:
    mutations = [{"id": f"{prefix}m{n}", "name": "todo.create",
                  "args": {"id": f"{prefix}{n:06}", "title": title}}
                 for n, title in enumerate(titles)]
    for start in range(0, len(mutations), 100):
        server.push(*mutations[start:start + 100])


def take_todo(studio: Studio, dress: str) -> None:
    server = studio.serve()
    todo = studio.open(server.url, dress)
    todo.expect_state("online")
    studio.take(todo, f"empty-{dress}")
    fill(server, TITLES)
    expect(todo.items).to_have_count(len(TITLES))
    todo.checkbox("Buy oat milk").check()
    todo.expect_synced()
    todo.title_input.focus()
    studio.take(todo, f"list-{dress}")
    todo.item("Ring the dentist").locator("summary").click()
    todo.delete("Water the plants")
    studio.take(todo, f"edit-and-toast-{dress}")
    todo.mutate("todo.create", {"id": "x", "title": "A title that is too long " * 21})
    todo.mutate("todo.update", {"id": "gone", "title": "An edit of what is gone"})
    expect(todo.refusals).to_have_count(2)
    todo.refusals.first.get_by_role("button", name="Edit").click()
    todo.page.evaluate("scrollTo(0, 0)")
    studio.take(todo, f"refused-{dress}", is_whole=True)
    todo.page.get_by_role("link", name="Active").click()
    todo.page.context.set_offline(True)
    todo.expect_state("offline")
    todo.add("Waits for the network", "y" * 501)
    expect(todo.pending).to_have_count(1)
    todo.checkbox("Waits for the network").focus()
    todo.page.keyboard.press("Shift+Tab")
    todo.page.keyboard.press("Tab")
    studio.take(todo, f"offline-{dress}", is_whole=True)
    plain = studio.open(server.url, dress, java_script_enabled=False)
    studio.take(plain, f"no-script-{dress}", is_whole=True)
    plain.page.goto(server.url + "there-is-no-such-page")
    studio.take(plain, f"not-found-{dress}")


def take_long(studio: Studio, dress: str) -> None:
    server = studio.serve()
    fill(server, [f"Number {n} of many" for n in range(1234)])
    todo = studio.open(server.url, dress)
    todo.expect_state("online")
    expect(todo.page.locator(".todo-gap")).to_be_visible()
    todo.add("Behind all of them")
    expect(todo.item("Behind all of them")).to_be_in_viewport()
    todo.expect_synced()
    studio.take(todo, f"long-end-{dress}")
    plain = studio.open(server.url, dress, java_script_enabled=False)
    plain.page.locator(".site-footer").scroll_into_view_if_needed()
    studio.take(plain, f"long-no-script-{dress}")


def take_counter(studio: Studio, dress: str) -> None:
    server = studio.serve(str(BIN.parent / "MizuCounterServer"))
    counter = studio.open(server.url, dress, service_workers="allow")
    expect(counter.page.locator(".connection")).to_contain_text("every open page")
    counter.page.get_by_role("button", name="One more").focus()
    counter.page.keyboard.press("Enter")
    expect(counter.page.locator(".count")).to_have_text("1")
    studio.take(counter, f"counter-{dress}")
    counter.installed()
    server.kill()
    counter.page.goto(server.url)
    studio.take(counter, f"counter-away-{dress}")


def take_tools(studio: Studio, dress: str) -> None:
    """The panel and the overlay of mizu dev, over a page that has something behind them."""
    shutil.copytree(ROOT / "Assets/Templates/sync/Assets", studio.folder / "app/Assets")
    dev = Dev(studio.folder, program=BIN.parent / "MizuTodoServer", arguments=())
    studio.tools = dev
    dev.ready()
    url = f"http://{dev.authority}/"
    todo = studio.open(url, dress)
    todo._wait("() => window.mizuDev !== undefined")
    todo.expect_state("online")
    todo.add(*TITLES)
    todo.expect_synced()
    todo.mutate("todo.create", {"id": "x", "title": ""})
    todo.page.locator(".mizu-dev-panel summary").click()
    studio.take(todo, f"dev-panel-{dress}")
    todo.page.evaluate("""() => mizuDev.overlay.show({
        phase: "failed", title: "The build failed", text: "",
        diagnostics: [{ severity: "error", file: "Sources/App/Handlers/Home.swift", line: 41,
            column: 17, message: "cannot find 'todoz' in scope",
            excerpt: "40 |     let todos = try snapshot.records(TodoMutator.entity)\\n"
                + "41 |     return todoz.count\\n   |            `- error: cannot find 'todoz' in scope" }],
    })""")
    studio.take(todo, f"dev-overlay-{dress}")


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[1:]
    acts = {"todo": take_todo, "long": take_long, "counter": take_counter, "tools": take_tools}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(**launch_options())
        for dress in DRESSES:
            for name, act in acts.items():
                if wanted and name not in wanted and dress not in wanted:
                    continue
                with tempfile.TemporaryDirectory() as folder:
                    studio = Studio(browser, Path(folder))
                    try:
                        act(studio, dress)
                    finally:
                        studio.close()
        browser.close()
    print(f"{len(list(OUT.glob('*.png')))} pictures in {OUT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
