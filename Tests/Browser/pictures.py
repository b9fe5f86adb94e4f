"""Takes the README's pictures from real runs: `make pictures`, Assets/Pictures/.

`page.png` is the to-do app in a browser that has just lost its network. `overlay.png` is the page of
`mizu dev` while this checkout's own to-do app does not compile: a line of it is broken for that time
and put back at the end, whatever happens. `benchmark.svg` is drawn by Tests/Measure/bars.py from
Assets/Pictures/benchmark.json; reports of `make bench-http` and `make bench-live` that are named on
the command line replace its figures first.
"""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect, sync_playwright

from conftest import launch_options
from screenshots import BIN, ROOT, Studio, fill
from todo_page import TodoPage

from server import Process, wait_until  # Tests/Process, which screenshots puts into the path

OUT = ROOT / "Assets/Pictures"
BARS = next(ROOT.glob("Tests/*/bars.py"))
# GitHub's column is some 830 pixels wide; a README may be read in the dark, a page is as it is.
FRAME = {"viewport": {"width": 800, "height": 560}}
BYTES_MAX = 150_000
TITLES = ["Water the plants", "Write to Ana about the weekend in the mountains", "Ring the dentist"]
SOURCE = ROOT / "Assets/Templates/sync/Sources/App/Handlers/Home.swift"
BROKEN = ("TodoPage(of: snapshot,", "TodoPage(of: snapshots,")


def take(page, name):
    path = OUT / f"{name}.png"
    page.screenshot(path=path)
    assert path.stat().st_size < BYTES_MAX, f"{path.name} has {path.stat().st_size} bytes"


def take_page(studio, context):
    server = studio.serve()
    fill(server, TITLES)
    todo = TodoPage(context.new_page())
    todo.page.goto(server.url)
    todo.expect_state("online")
    expect(todo.items).to_have_count(len(TITLES))
    todo.checkbox("Water the plants").check()
    todo.expect_synced()
    context.set_offline(True)
    todo.expect_state("offline")
    todo.add("Buy oat milk, on the train")
    expect(todo.pending).to_have_count(1)
    todo.page.evaluate("scrollTo(0, 0)")
    take(todo.page, "page")
    context.set_offline(False)


def take_overlay(context, folder):
    """A real build that fails: the compiler's own words, over the page that the old process serves."""
    text = SOURCE.read_text()
    assert text.count(BROKEN[0]) >= 1, f"{SOURCE} has no {BROKEN[0]!r}"
    dev = Process(
        ["sh", "-c", f"cd '{ROOT}' && exec '{BIN}' dev --json --target MizuTodoServer"],
        {**os.environ, "ADDR": "127.0.0.1:0", "DATABASE_URL": f"sqlite:{folder}/mizu.db"}, folder)
    try:
        wait_until(lambda: any('"event":"ready"' in line for line in dev.lines), 900, "a build")
        listening = next(line for line in dev.lines if '"event":"listening"' in line)
        todo = TodoPage(context.new_page())
        todo.page.goto(listening.split('"urls":["')[1].split('"')[0] + "/")
        todo.expect_state("online")
        todo.add(*TITLES)
        todo.expect_synced()
        SOURCE.write_text(text.replace(*BROKEN, 1))
        overlay = todo.page.locator(".mizu-dev-overlay")
        expect(overlay).to_contain_text("Home.swift", timeout=300_000)
        take(todo.page, "overlay")
    finally:
        SOURCE.write_text(text)
        dev.signal(signal.SIGTERM)
        dev.wait(60)


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-B", BARS, OUT / "benchmark.json", *sys.argv[1:]], check=True)
    with sync_playwright() as driver, tempfile.TemporaryDirectory() as folder:
        browser = driver.chromium.launch(**launch_options())
        studio = Studio(browser, Path(folder))
        try:
            take_page(studio, browser.new_context(**FRAME, reduced_motion="reduce"))
            take_overlay(browser.new_context(**FRAME, reduced_motion="reduce"), Path(folder))
        finally:
            studio.close()
            browser.close()
    for path in sorted(OUT.iterdir()):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
