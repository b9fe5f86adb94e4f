"""The page over https and its socket over wss, with a certificate that the server made itself."""

import pytest
from playwright.sync_api import expect

from mizu_server import Server
from todo_page import TodoPage


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path, {"TLS_ADDR": "127.0.0.1:0", "TLS_SELF_SIGNED": "true"})
    server.start()
    yield server
    server.kill()


def test_two_people_see_each_other_over_tls(server, new_context):
    assert server.url.startswith("https://")
    pages = []
    for _ in range(2):
        page = new_context(ignore_https_errors=True).new_page()
        page.goto(server.url)
        todo = TodoPage(page)
        todo.expect_state("online")
        pages.append(todo)
    pages[0].add("Milk")
    pages[1].expect_titles("Milk")
    pages[1].checkbox("Milk").check()
    expect(pages[0].checkbox("Milk")).to_be_checked()


def test_without_javascript_a_form_works_over_tls(server, new_context):
    page = new_context(ignore_https_errors=True, java_script_enabled=False).new_page()
    page.goto(server.url)
    todo = TodoPage(page)
    todo.add("Bread")
    todo.expect_titles("Bread")
