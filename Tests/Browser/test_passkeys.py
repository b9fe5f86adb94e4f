"""Passkeys in Chromium, with its virtual authenticator (CDP, domain WebAuthn): the built-in pages add
one to an account, and sign in with it. Without JavaScript there is no word of them.
"""

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from mizu_server import Server

PASSWORD = "gurkensalat mit dill"


@pytest.fixture
def server(tmp_path):
    """The app with people, in the place of the to-do app."""
    command = (str(Path(os.environ["MIZU_BIN"]).with_name("MizuPeople")),)
    running = Server(tmp_path, command=command)
    running.start()
    # Passkeys are for names, not for addresses.
    running.url = running.url.replace("127.0.0.1", "localhost")
    yield running
    running.kill()


@pytest.fixture
def page(new_context):
    return new_context().new_page()


def authenticator(page, verifies):
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    made = session.send("WebAuthn.addVirtualAuthenticator", {"options": {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
        "hasUserVerification": True, "isUserVerified": verifies,
        "automaticPresenceSimulation": True}})
    return session, made["authenticatorId"]


def sign_up(page, url, name):
    page.goto(url + "account/sign-up")
    page.get_by_label("Name, as others see it").fill(name)
    page.get_by_label("E-mail address").fill(f"{name}@example.org")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    page.goto(url + "account")


def test_a_passkey_is_added_and_signs_in(server, page):
    session, device = authenticator(page, verifies=True)
    sign_up(page, server.url, "ann")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.locator("#passkeys li")).to_have_count(1)
    kept = session.send("WebAuthn.getCredentials", {"authenticatorId": device})["credentials"]
    assert len(kept) == 1 and kept[0]["isResidentCredential"]
    assert kept[0]["rpId"] == "localhost"

    page.get_by_role("button", name="Sign out").first.click()
    page.goto(server.url + "account/sign-in")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_text("Hello, ")).to_be_visible()
    assert "nobody" not in page.content()

    page.goto(server.url + "account")
    page.get_by_role("button", name="Remove the passkey").click()
    expect(page.locator("#passkeys li")).to_have_count(0)


def test_a_passkey_that_verifies_nobody_is_refused(server, page, watch):
    watch.network_may_fail = True
    authenticator(page, verifies=False)
    sign_up(page, server.url, "bob")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("status").first).to_have_text("That did not work with a passkey.")
    expect(page.locator("#passkeys li")).to_have_count(0)
