"""Assets/Guides/first-hour.md, followed as a new user would: its commands in a shell, in an empty
folder, its changes in the files, and a browser that looks at what comes of them.

The commands and changes are read from the guide, so it cannot say something else than what works. By
default two things are not done anew: the command comes from $MIZU_BIN (`make install` takes what is
built), and Mizu's debug build is kept beside the app, in the folder that Tests/Process/test_new.py
uses, too. With MIZU_FIRST_HOUR=whole (`make soak`) the clone builds everything, as on a new machine.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from playwright.sync_api import Error, expect

from todo_page import TodoPage

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests/Process"))

from guides import blocks  # noqa: E402
from server import wait_until  # noqa: E402

IS_WHOLE = os.environ.get("MIZU_FIRST_HOUR") == "whole"
BUILD_SECONDS = 1500 if IS_WHOLE else 900
# Reads blocks of commands from descriptor 3, and says on 4 how each ended; a block sees neither.
SHELL = """while IFS= read -r -d '' -u 3 block; do
    eval "$block" 3<&- 4>&-
    echo $? >&4
done"""
KEPT = {".build", "Package.resolved"}


class Shell:
    """A person's shell: blocks of commands one after the other, output in a file."""

    def __init__(self, folder, environment):
        self.log = folder / "shell.log"
        blocks_in, self._blocks = os.pipe()
        self._codes, codes_out = os.pipe()
        with open(self.log, "wb") as log:
            self.child = subprocess.Popen(
                ["bash", "--norc", "--noprofile", "-c",
                 f"exec 3<&{blocks_in} 4>&{codes_out} {blocks_in}<&- {codes_out}>&-\n{SHELL}"],
                cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=(blocks_in, codes_out), start_new_session=True)
        os.close(blocks_in)
        os.close(codes_out)
        os.set_blocking(self._codes, False)

    def type(self, block):
        # A line that fails ends its block, as it would end a person's patience.
        os.write(self._blocks, ("set -e -o pipefail\n" + block).encode() + b"\0")

    def ended(self, seconds):
        """Waits for the block's end, which must be a good one."""
        code = wait_until(self._code, seconds, f"the end of a command ({self.said[-2000:]})")
        assert code.strip() == b"0", self.said[-4000:]

    def _code(self):
        try:
            code = os.read(self._codes, 100)
        except BlockingIOError:
            return None
        assert code, f"the shell ended: {self.said[-4000:]}"
        return code

    @property
    def said(self):
        return self.log.read_text("utf-8", "replace")

    def heard(self, pattern, times, seconds):
        """Waits until it said something that often; fails where the shell is gone before."""
        def found():
            assert self.child.poll() is None, self.said[-4000:]
            return len(re.findall(pattern, self.said, re.MULTILINE)) >= times
        wait_until(found, seconds, f"{times} {pattern!r} ({self.said[-2000:]})")

    def foreground(self, name):
        """The process id of the command `name` that the shell waits for."""
        for entry in Path("/proc").iterdir():
            try:
                text = (entry / "stat").read_text() if entry.name.isdigit() else ""
            except OSError:
                continue
            begin, end = text.find("("), text.rfind(")")
            if text[begin + 1:end] == name and int(text[end + 2:].split()[1]) == self.child.pid:
                return int(entry.name)
        raise AssertionError(f"the shell runs no {name}: {self.said[-2000:]}")

    def end(self):
        """Ends the shell and whatever is left of what it started."""
        os.close(self._blocks)
        os.close(self._codes)
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait(60)


def empty_folder():
    """Where the hour happens: empty, but for the debug build of an app of that name."""
    folder = ROOT / ".build" / ("first-hour" if IS_WHOLE else "new-app")
    keeps = set() if IS_WHOLE else KEPT
    for path in [folder / "myapp", folder]:
        for entry in path.iterdir() if path.is_dir() else []:
            if entry.name not in keeps and not (path == folder and entry.name == "myapp"):
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    (folder / "home").mkdir(parents=True)
    return folder


def environment(folder):
    """A new user's: a home with nothing in it, and no setting of Mizu's but the address."""
    settings = {
        name: os.environ[name] for name in ("PATH", "LANG", "USER", "TMPDIR") if name in os.environ}
    home = os.environ.get("HOME", "/root")
    settings |= {
        "HOME": str(folder / "home"), "ADDR": "127.0.0.1:0", "SWIFT_BACKTRACE": "enable=no",
        # What SwiftPM has fetched before need not come over the network again.
        "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", f"{home}/.cache"),
    }
    if not IS_WHOLE:
        settings["MIZU_BIN"] = os.environ["MIZU_BIN"]
    return settings


def change(folder, diff):
    """Makes a change of the guide in the file that it names; returns the lines that came."""
    head, *lines = diff.splitlines()
    path = folder / head.removeprefix("--- ")
    old = "".join(line[1:] + "\n" for line in lines if line[0] in "- ")
    new = "".join(line[1:] + "\n" for line in lines if line[0] in "+ ")
    text = path.read_text()
    assert text.count(old) == 1, f"{path} has {text.count(old)} times:\n{old}"
    fresh = path.with_name(path.name + "~")
    fresh.write_text(text.replace(old, new))
    fresh.rename(path)
    return new


def quoted(text):
    return re.search(r'"(title: [^"]*)"', text)[1]


def write(todo, title):
    """Adds a to-do as hands do: what was put back into the field stays until somebody touches it."""
    todo.title_input.click()
    todo.title_input.press("Control+A")
    todo.title_input.press_sequentially(title)
    todo.title_input.press("Enter")


def is_loaded_again(page):
    try:
        return page.evaluate("!window.isTheOldPage && window.mizuDev !== undefined")
    except Error as error:
        if "context was destroyed" not in str(error):
            raise
        return False


@pytest.mark.skipif(shutil.which("swift") is None, reason="swift is not installed")
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="there is nothing to clone")
def test_the_first_hour_goes_as_the_guide_says(browser, watch):
    guide = blocks("first-hour.md")
    assert [language for language, _ in guide] == [
        "sh", "sh", "diff", "diff", "diff", "diff", "diff", "sh"], "the guide has other steps now"
    install, make_app, heading, colour, rule, broken, repaired, tests = [text for _, text in guide]
    watch.network_may_fail = True  # while one process follows another
    folder = empty_folder()
    app = folder / "myapp"
    shell = Shell(folder, environment(folder))
    context = browser.new_context()
    watch.over(context)
    begun = time.monotonic()
    try:
        assert install.count("ADDRESS") == 1
        shell.type(install.replace("ADDRESS", str(ROOT)))
        shell.ended(BUILD_SECONDS)

        shell.type(make_app)
        shell.heard(r"^mizu dev: .*\bserving\b", 1, BUILD_SECONDS)
        url = re.search(r"listening on (http://127\.0\.0\.1:\d+)", shell.said)[1]
        page = context.new_page()
        page.goto(url)
        todo = TodoPage(page)
        todo.add("Milk")
        todo.expect_synced()
        second = TodoPage(context.new_page())
        second.page.goto(url)
        second.expect_titles("Milk")
        second.page.close()
        page.bring_to_front()
        panel = page.locator(".mizu-dev-panel")
        panel.locator("summary").click()
        offline = panel.get_by_role("button", name="Offline")
        offline.click()
        todo.expect_state("offline")
        todo.add("Bread")
        page.reload()
        todo.expect_titles("Milk", "Bread")
        expect(todo.pending).to_have_count(1)
        offline.click()
        todo.expect_synced()
        print(f"a page with to-dos after {time.monotonic() - begun:.0f} s")

        todo.title_input.fill("half typed")
        wanted = re.search("<h1>(.*)</h1>", change(app, heading))[1]
        expect(page.locator("h1")).to_have_text(wanted)
        expect(todo.title_input).to_have_value("half typed")
        name, value = change(app, colour).strip().rstrip(";").split(": ")
        expect(page.locator("html")).to_have_css(name, value)

        page.evaluate("window.isTheOldPage = true")
        change(app, rule)
        wait_until(lambda: is_loaded_again(page), 600, "another page")
        expect(todo.title_input).to_have_value("half typed")
        todo.expect_synced()
        write(todo, "Milk?")
        expect(todo.refusals.first).to_contain_text(quoted(rule))
        todo.expect_titles("Milk", "Bread")

        change(app, broken)
        overlay = page.locator(".mizu-dev-overlay section")
        expect(overlay).to_contain_text("Sources/App/Services/TodoMutator.swift:", timeout=300_000)
        todo.page.reload()
        expect(overlay).to_be_visible()
        todo.expect_titles("Milk", "Bread")
        change(app, repaired)
        expect(overlay).to_be_hidden(timeout=300_000)

        os.kill(shell.foreground("mizu"), signal.SIGINT)
        shell.ended(60)
        assert (app / "data/mizu.db").exists()
        shell.type(tests)
        shell.ended(BUILD_SECONDS)
        assert re.search(r"Test run with [1-9]\d* tests? in \d+ suites? passed", shell.said)
        print(f"the whole guide in {time.monotonic() - begun:.0f} s")
    finally:
        context.close()
        shell.end()
    if IS_WHOLE:
        shutil.rmtree(folder)  # hundreds of megabytes that nobody will use again
