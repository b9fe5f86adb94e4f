"""Who may talk to the server: whose names it answers to, whose pages it hears, where it says it is.

What is judged of one request is a table of Tests/HTTP/OriginTests.swift; here it is asked of a whole
server, on every path that a stranger's page can reach, with what the log says for the operator.
"""

import re
import socket

import pytest

from dev import Dev
from server import wait_until
from sync import create, new_scope
from tls import Endpoint, SecureConnection, make_certificate
from wire import JSON, Connection, WebSocket, dump, encode, fetch, post

EVIL = "evil.example"
UPGRADE = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
           ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==")]


def ask(running, host, target="/", method="GET", headers=(), body=None):
    return fetch(running, method, target, [("Host", host), *headers], body)


def lines(running, word):
    return [line for line in running.error_lines if word in line]


def pushed(running, headers, to="/_sync/push"):
    body = dump({"scope": new_scope(), "mutations": [create()]})
    return fetch(running, "POST", to, [*JSON, *headers], body)


# --- names ----------------------------------------------------------------------------------------


def test_without_hosts_a_name_that_anybody_can_own_is_misdirected_everywhere(start):
    running = start(env={"HOSTS": None}).ready()
    evil = f"{EVIL}:{running.port}"
    origin = [("Origin", f"http://{evil}")]
    body = dump({"scope": "s", "cursor": 0})
    for method, target, headers, content in (
            ("GET", "/", [], None), ("HEAD", "/static/css/app.css", [], None),
            ("GET", "/ws", [*UPGRADE, *origin], None), ("GET", "/nothing", [], None),
            ("POST", "/_sync/snapshot", [*JSON, *origin], dump({})),
            ("POST", "/_sync/pull", [*JSON, *origin], body), ("POST", "/todos", origin, b"title=x"),
            ("DELETE", "/api/todos/x", origin, None), ("OPTIONS", "*", origin, None)):
        answer = ask(running, evil, target, method, headers, content)
        assert answer.status == 421, (method, target, answer)
        assert method == "HEAD" or "HOSTS" in answer.json["error"], answer
    name = socket.gethostname()
    for host in ("127.0.0.1", running.authority, "[::1]:1", "localhost", "a.localhost:3", "LOCALHOST.",
                 name, f"{name.upper()}:8080", "192.0.2.1"):
        assert ask(running, host).status == 200, host
    assert ask(running, evil, "/healthz").status == 200
    with Connection(running) as connection:
        connection.send(b"GET / HTTP/1.0\r\n\r\n")
        assert connection.response().status == 200, "no browser asks without a Host"
    # The start's line comes behind `listening`, and a request may be faster.
    told = wait_until(lambda: lines(running, "HOSTS is not set")) + lines(running, "add it to HOSTS")
    assert len(told) == 2, "once at the start, once a minute for who is refused"
    assert "localhost" in told[0] and name in told[0]
    assert f'"{evil}"' in told[1] and "add it to HOSTS" in told[1]
    running.stop()


def test_hosts_names_them_all_and_any_is_any(start):
    running = start(env={"HOSTS": "example.org,*.example.net,10.0.0.1:81"}).ready()
    for host, status in (
            ("example.org", 200), ("EXAMPLE.org.:9", 200), ("a.b.example.net", 200),
            ("example.net", 421), ("10.0.0.1:81", 200), ("10.0.0.1", 421), (running.authority, 421)):
        assert ask(running, host).status == status, host
    running.stop()
    running = start(env={"HOSTS": "*"}).ready()
    assert ask(running, EVIL).status == 200
    assert len(wait_until(lambda: lines(running, "DNS rebinding"))) == 1
    running.stop()


def test_a_challenge_is_answered_by_any_name_and_before_the_redirect(start, tmp_path):
    (tmp_path / "token").write_text("token.key")
    running = start(env={"HOSTS": None, "ACME_DIR": str(tmp_path)}).ready()
    challenge = "/.well-known/acme-challenge/token"
    assert ask(running, EVIL, challenge).status == 200
    assert ask(running, EVIL, "/.well-known/other").status == 421
    running.stop()


def test_the_names_of_its_certificates_are_its_names_also_those_of_a_new_one(start, tmp_path):
    folder = tmp_path / "tls"
    folder.mkdir()
    make_certificate(folder, subject="first.example")
    running = start(env={"HOSTS": None, "TLS_CERT": str(folder), "TLS_ADDR": "127.0.0.1:0",
                         "HTTPS_REDIRECT": "off", "WORKERS": "2"}).ready()
    assert ask(running, "first.example:8080").status == 200
    assert ask(running, "later.example").status == 421
    wait_until(lambda: lines(running, "first.example"), what="the name in the line of the start")
    make_certificate(folder, "b", subject="*.later.example")
    wait_until(lambda: ask(running, "a.later.example").status == 200, 60, "the new names")
    # Each worker hears of it by itself.
    wait_until(lambda: {ask(running, "a.later.example").status for _ in range(12)} == {200})
    for host, status in (("later.example", 421), ("b.a.later.example", 421), ("first.example", 200)):
        assert ask(running, host).status == status, host
    running.stop()
    named = start(env={"HOSTS": "x.example", "TLS_CERT": str(folder), "TLS_ADDR": "127.0.0.1:0",
                       "HTTPS_REDIRECT": "off"}).ready()
    assert ask(named, "first.example").status == 421, "HOSTS says which"
    named.stop()


def test_the_redirect_goes_to_names_of_ours_and_to_the_port_that_is_seen_outside(start, tmp_path):
    certificate, key = make_certificate(tmp_path, subject="a.example")
    env = {"HOSTS": None, "TLS_CERT": str(certificate), "TLS_KEY": str(key), "TLS_ADDR": "127.0.0.1:0"}
    running = start(env=env).ready()
    port = Endpoint(running, wait_until).port
    assert ask(running, EVIL, "/x").status == 421
    assert ask(running, "a.example", "/x").get("location") == f"https://a.example:{port}/x"
    running.stop()
    for outside, ending in (("443", ""), ("8444", ":8444")):
        running = start(env={**env, "HTTPS_PORT": outside}).ready()
        answer = ask(running, "a.example:80", "/x?y")
        assert answer.status == 308 and answer.get("location") == f"https://a.example{ending}/x?y"
        running.stop()


# --- proxies --------------------------------------------------------------------------------------


def test_a_trusted_proxys_x_forwarded_host_is_whom_the_client_asked(start, tmp_path):
    certificate, key = make_certificate(tmp_path)
    env = {"HOSTS": "app.example", "TLS_CERT": str(certificate), "TLS_KEY": str(key),
           "TLS_ADDR": "127.0.0.1:0", "HTTPS_PORT": "443"}
    trusting = start(env={**env, "TRUSTED_PROXIES": "127.0.0.1"}).ready()
    asked = [("X-Forwarded-Host", "evil.example, app.example:8443")]
    secure = [*asked, ("X-Forwarded-Proto", "wss")]
    away = ask(trusting, "127.0.0.1:8080", "/x", headers=asked)
    assert away.get("location") == "https://app.example/x"
    assert ask(trusting, "127.0.0.1:8080", "/", headers=secure).status == 200
    page = [("Origin", "https://app.example:8443")]
    assert pushed(trusting, [("Host", "127.0.0.1"), *secure, *page]).status == 200
    assert ask(trusting, "127.0.0.1", "/ws", headers=[*UPGRADE, *secure, *page]).status == 101
    assert pushed(trusting, [("Host", "127.0.0.1"), *secure, ("Origin", "http://app.example:8443")]
                  ).status == 403, "wss is https"
    for bad in ("evil.example", "a b", "app.example, evil.example", ""):
        answer = ask(trusting, "127.0.0.1", headers=[("X-Forwarded-Host", bad), *secure[1:]])
        assert answer.status == 421, bad
    assert ask(trusting, "app.example", headers=[("X-Forwarded-Host", EVIL), *secure[1:]]).status == 421
    trusting.stop()
    strange = start(env=env).ready()
    assert ask(strange, "127.0.0.1", headers=asked).status == 421, "nobody is believed"
    assert ask(strange, "app.example", headers=[("X-Forwarded-Host", EVIL)]).status == 308
    strange.stop()


def test_a_proxy_on_this_machine_that_nobody_named_is_told_once(start):
    for name in ("X-Forwarded-For", "Forwarded"):
        running = start(env={"WORKERS": "2"}).ready()
        for _ in range(4):
            assert fetch(running, "GET", "/healthz", [(name, "203.0.113.1")]).status == 200
        told = lines(running, "TRUSTED_PROXIES")
        assert len(told) == 1 and "has no limits" in told[0] and "127.0.0.1" in told[0], told
        running.stop()
    running = start(env={"TRUSTED_PROXIES": "127.0.0.1"}).ready()
    fetch(running, "GET", "/healthz", [("X-Forwarded-For", "203.0.113.1")])
    assert not lines(running, "TRUSTED_PROXIES")
    running.stop()


# --- where it is ----------------------------------------------------------------------------------


@pytest.mark.parametrize("address, bound, opened", [
    (":0", "[::]", "127.0.0.1"), ("0.0.0.0:0", "0.0.0.0", "127.0.0.1"), ("127.0.0.1:0", "127.0.0.1", None)])
def test_the_listening_line_says_what_is_bound_and_another_one_what_to_open(
        start, address, bound, opened):
    running = start(address=address, env={"HOSTS": None}).ready()
    assert running.lines == [f"listening on http://{bound}:{running.port}"]
    wait_until(lambda: lines(running, "HOSTS is not set"))
    told = lines(running, "open http")
    assert [line.split(" open ")[1] for line in told] == (
        [f"http://{opened}:{running.port}"] if opened else [])
    running.stop()


# --- pages of other origins -----------------------------------------------------------------------


def test_another_sites_form_without_an_origin_is_refused(start):
    running = start().ready()
    form = [("Content-Type", "application/x-www-form-urlencoded")]
    for site, status in (("cross-site", 403), ("same-site", 403), ("same-origin", 303), ("none", 303)):
        answer = fetch(running, "POST", "/todos", [*form, ("Sec-Fetch-Site", site)], b"title=x")
        assert answer.status == status, (site, answer)
        assert status == 303 or answer.code == "origin_denied"
        assert fetch(running, "GET", "/", [("Sec-Fetch-Site", site)]).status == 200, "a link"
    handshake = fetch(running, "GET", "/ws", [*UPGRADE, ("Sec-Fetch-Site", "cross-site")])
    assert handshake.status == 403
    assert len(lines(running, "origin_denied")) == 1
    # What an own page sends under Referrer-Policy: no-referrer.
    null = [*form, ("Origin", "null")]
    own = fetch(running, "POST", "/todos", [*null, ("Sec-Fetch-Site", "same-origin")], b"title=x")
    assert own.status == 303
    for more in ([], [("Sec-Fetch-Site", "cross-site")]):
        assert fetch(running, "POST", "/todos", [*null, *more], b"title=x").status == 403
    running.stop()


@pytest.mark.parametrize("fields, words", [
    ([("Origin", "null")], "no-referrer"),
    ([("Host", "app.example"), ("Origin", "http://app.example:8443")], "port"),
    ([("Host", "127.0.0.1:8080"), ("Origin", "https://app.example")], "proxy_set_header Host"),
    ([("Origin", 'http://\x7f"' + "é" * 300)], "http://?????"),
])
def test_a_refused_origin_is_one_line_with_both_values_and_a_cause(start, fields, words):
    running = start().ready()
    for _ in range(3):
        assert pushed(running, fields).status in (400, 403)
    told = lines(running, "origin_denied")
    if words != "http://?????" or told:
        assert len(told) == 1 and words in told[0] and len(told[0]) < 700, told
        assert "\x7f" not in told[0] and "é" not in told[0]
        assert dict(fields).get("Host", running.authority) in told[0]
    running.stop()


def cors(answer):
    return {name.removeprefix("access-control-"): value for name, value in answer.headers
            if name.startswith("access-control-")}


def test_an_allowed_origin_may_do_what_the_own_pages_may(start):
    app = "https://app.example"
    running = start(env={"ALLOWED_ORIGINS": f"{app}:443,capacitor://localhost", "RATE_LIMIT": "1/s:20",
                         "LIMIT_EXEMPT": "none"}).ready()
    for origin in (app, "capacitor://localhost"):
        preflight = fetch(running, "OPTIONS", "/_sync/push", [
            ("Origin", origin), ("Access-Control-Request-Method", "POST"),
            ("Access-Control-Request-Headers", "content-type,x-app")])
        told = cors(preflight)
        assert preflight.status == 204 and told["allow-origin"] == origin
        assert told["allow-credentials"] == "true" and "POST" in told["allow-methods"]
        assert told["allow-headers"] == "content-type,x-app" and int(told["max-age"]) > 0
        vary = ", ".join(preflight.all("vary")).lower()
        assert "origin" in vary and "access-control-request-headers" in vary
    page = [("Origin", app), ("Sec-Fetch-Site", "cross-site")]
    answers = [
        (pushed(running, page), 200), (fetch(running, "GET", "/", page), 200),
        (fetch(running, "GET", "/static/css/app.css", page), 200),
        (fetch(running, "GET", "/nothing", page), 404),
        (fetch(running, "POST", "/_sync/push", [*page, *JSON], b"{"), 400),
        (fetch(running, "POST", "/_sync/push", [*page, *JSON, ("Content-Length", "99999999")]), 413),
        (fetch(running, "POST", "/_sync/push", [*page, *JSON, ("Content-Encoding", "gzip")], b"x"), 415)]
    assert fetch(running, "GET", "/ws", [*UPGRADE, *page]).status == 101
    # On a slow machine tokens come back meanwhile.
    limited = wait_until(lambda: (answer := pushed(running, page)).status == 429 and answer,
                         what="a push that is over the rate")
    answers.append((limited, 429))
    for answer, status in answers:
        told = cors(answer)
        assert answer.status == status and told["allow-origin"] == app, answer
        assert told["allow-credentials"] == "true" and "Retry-After" in told["expose-headers"]
        assert "origin" in ", ".join(answer.all("vary")).lower()
        assert answer.get("cross-origin-resource-policy") == "cross-origin"
    # Others get nothing, and caches are told that it depends.
    for origin in ("https://app.example.evil", "http://app.example", "null"):
        answer = fetch(running, "GET", "/", [("Origin", origin)])
        assert answer.status == 403 and not cors(answer) and "Origin" in answer.all("vary")
        preflight = fetch(running, "OPTIONS", "/_sync/push", [
            ("Origin", origin), ("Access-Control-Request-Method", "POST")])
        assert preflight.status == 403 and not cors(preflight)
    own = fetch(running, "GET", "/healthz")
    assert own.status == 200 and not cors(own) and "Origin" in ", ".join(own.all("vary"))
    running.stop()


def test_every_page_may_read_what_is_public_where_the_origins_are_any(start):
    running = start(env={"ALLOWED_ORIGINS": "*"}).ready()
    page = [("Origin", "https://x.example"), ("Sec-Fetch-Site", "cross-site")]
    preflight = fetch(running, "OPTIONS", "/_sync/pull", [
        *page, ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type")])
    assert preflight.status == 204 and cors(preflight)["allow-headers"] == "Content-Type"
    read = [fetch(running, "GET", "/", page), fetch(running, "GET", "/nothing", page),
            fetch(running, "POST", "/_sync/snapshot", [*page, *JSON], dump({})),
            fetch(running, "POST", "/_sync/pull", [*page, *JSON], dump({"cursor": 0})), preflight]
    for answer in read:
        assert cors(answer)["allow-origin"] == "*" and "allow-credentials" not in cors(answer)
    assert [answer.status for answer in read] == [200, 404, 200, 200, 204]
    for answer in (pushed(running, page), fetch(running, "GET", "/ws", [*UPGRADE, *page]),
                   fetch(running, "DELETE", "/api/todos/x", page),
                   fetch(running, "OPTIONS", "/_sync/push", [
                       *page, ("Access-Control-Request-Method", "POST")])):
        assert answer.status == 403 and not cors(answer), answer
    running.stop()


def test_answers_are_not_for_other_sites_unless_the_app_says_so(server):
    page = fetch(server, "GET", "/")
    assert page.get("cross-origin-resource-policy") == "same-origin"
    assert page.get("cross-origin-opener-policy") == "same-origin"
    file = fetch(server, "GET", "/static/css/app.css")
    assert file.get("cross-origin-resource-policy") == "same-origin"
    assert file.get("cross-origin-opener-policy") is None


def test_a_coded_body_is_refused_before_it_is_read(server):
    for coding, status in (("gzip", 415), ("identity, br", 415), ("identity", 200), ("", 200)):
        answer = pushed(server, [("Content-Encoding", coding)])
        assert answer.status == status, coding
    with Connection(server) as connection:
        connection.send(encode("POST", "/_sync/push", server.authority, [
            *JSON, ("Content-Encoding", "gzip"), ("Content-Length", "1000"),
            ("Expect", "100-continue")]))
        answer = connection.response()
        assert answer.status == 415 and answer.code == "unsupported_media_type"
        assert answer.get("accept-encoding") == "identity" and answer.get("connection") == "close"


@pytest.mark.parametrize("env", [
    {"HOSTS": "a b"}, {"HOSTS": "*.*.a"}, {"ALLOWED_ORIGINS": "app.example"},
    {"ALLOWED_ORIGINS": "https://a/"}, {"ALLOWED_ORIGINS": "null"}, {"ALLOWED_ORIGINS": "https://*.a"},
    {"HTTPS_PORT": "0"}, {"HTTPS_PORT": "x"}])
def test_a_slip_in_a_setting_is_one_line_at_start(start, env):
    process = start(env=env)
    assert process.wait(60) > 0
    assert len(process.error_lines) == 1 and next(iter(env)) in process.errors, process.errors


# --- mizu dev -------------------------------------------------------------------------------------


@pytest.fixture
def develop(tmp_path):
    running = []

    def starter(**options):
        running.append(Dev(tmp_path, **options))
        return running[-1]

    yield starter
    for process in running:
        process.kill()


def test_mizu_dev_answers_to_its_own_names_alone_with_and_without_an_app(develop):
    process = develop()
    process.ready()
    for target in ("/", "/_dev/events?after=0&state=0", "/_dev/dev.js", "/ws"):
        answer = ask(process, f"{EVIL}:{process.port}", target)
        assert answer.status == 421, (target, answer)
    assert ask(process, "localhost").status == 200
    process.kill()
    process.change("BROKEN")
    process = develop()
    process.wait_event("build_failed")
    shown = ask(process, process.authority)
    assert shown.status == 503 and b"this is broken" in shown.body
    assert shown.get("x-content-type-options") == "nosniff"
    assert shown.get("content-security-policy").startswith("default-src 'none'")
    hidden = ask(process, EVIL)
    assert hidden.status == 421 and b"HOSTS" in hidden.body and b"broken" not in hidden.body


def test_mizu_dev_is_for_no_host_at_all_where_all_would_do(develop):
    process = develop(env={"HOSTS": "any"})
    assert process.wait(60) == 1 and "HOSTS=any" in process.errors, process.errors


def test_nobody_else_tells_mizu_dev_that_the_app_is_ready(develop):
    """A program that never says READY=1, and a neighbour who says it in its place."""
    process = develop(program="/bin/sh", arguments=("-c", "echo $NOTIFY_SOCKET >&2; sleep 600"))
    name = wait_until(lambda: re.search(r"@(mizu-dev-\S+)", process.errors), 60)[1]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as neighbour:
        for _ in range(3):
            neighbour.sendto(b"READY=1", b"\0" + name.encode())
    # What it does next is done after the datagrams were read.
    process.change("again")
    process.wait_event("started", 2)
    assert process.count("ready") == 0
