"""The expenses app that the guides have one write (Tests/Expenses), with its own script, as
two people use it: an account, a household, an invitation, edits online and offline, and the bank's rows.
"""

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from mizu_server import Server

ROOT = Path(__file__).resolve().parents[2]
EXPENSES = Path(os.environ["MIZU_BIN"]).with_name("MizuExpenses")


@pytest.fixture
def server(tmp_path):
    if not EXPENSES.exists():
        pytest.skip("MizuExpenses is not built")
    running = Server(tmp_path, command=(str(EXPENSES),), settings={
        "BANK": str(tmp_path / "bank.csv"), "EXPENSES_JS": str(ROOT / "Tests/Expenses/expenses.js")})
    running.start()
    yield running
    running.kill()


def sign_up(page, server, name, then):
    page.goto(f"{server.url}account/sign-up?next={then}")
    page.get_by_label("Name, as others see it").fill(name)
    page.get_by_label("E-mail address").fill(f"{name}@example.org")
    page.get_by_label("Password").fill(f"a sentence of {name}")
    page.get_by_role("button", name="Make the account").click()
    page.wait_for_url("**" + then)


def add(page, title, cents):
    page.get_by_label("What").fill(title)
    page.get_by_label("Cents").fill(str(cents))
    page.get_by_role("button", name="Add").click()


def expenses(page):
    return expect(page.locator("li"))


def test_a_household_shares_its_expenses(new_context, server, watch, tmp_path):
    watch.network_may_fail = True  # a network that is cut
    ann, bob = (new_context().new_page() for _ in range(2))
    sign_up(ann, server, "ann", "/h/oak")
    add(ann, "Bread", 320)
    expenses(ann).to_contain_text(["Bread: 3.2"])
    ann.reload()  # it is on the server
    expenses(ann).to_contain_text(["Bread: 3.2"])

    invited = ann.request.post(server.url + "h/oak/invite", headers={"Origin": server.url[:-1]})
    assert invited.ok, invited.text()
    sign_up(bob, server, "bob", "/account")
    joined = bob.request.post(
        server.url.rstrip("/") + invited.text(), headers={"Origin": server.url[:-1]}, max_redirects=0)
    assert joined.status == 303, joined.text()
    bob.goto(server.url + "h/oak")
    expenses(bob).to_contain_text(["Bread: 3.2"])

    bob.context.set_offline(True)
    add(bob, "Tea", 80)
    expenses(bob).to_contain_text(["Bread: 3.2", "Tea: 0.8"])
    bob.context.set_offline(False)
    expenses(ann).to_contain_text(["Bread: 3.2", "Tea: 0.8"])
    # The job comes by itself, in the first minute: a row of the bank, once. The bank answers only
    # now, because a household that has a row before its first person is nobody's to make.
    rows = tmp_path / "rows"
    rows.write_text("2026-01-02;Water;4500\nno row\n")
    rows.rename(tmp_path / "bank.csv")
    expect(ann.locator("li", has_text=re.compile("^Water: 45$"))).to_have_count(1, timeout=75_000)


def test_without_javascript_its_form_does_the_same(new_context, server):
    page = new_context(java_script_enabled=False).new_page()
    sign_up(page, server, "ann", "/h/elm")
    add(page, "Rent", 90_000)
    expenses(page).to_have_text(["Rent: 90000"])
    assert page.goto(server.url + "h/oak").status == 200  # nobody's so far: whoever writes first has it
