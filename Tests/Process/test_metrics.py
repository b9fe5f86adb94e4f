"""The admin listener: what it counts, in which formats (promtool judges), whom it answers, and that
nobody waits for a scraper. And the names of requests in logs and answers, and their traces."""

import http.client
import json
import os
import re
import shutil
import socket
import stat
import subprocess

import pytest

from daemon import free_port
from guides import GUIDES, blocks
from server import wait_until
from sync import create, new_scope, push_one
from test_manners import assert_refuses
from tls import Endpoint, SecureConnection, context, make_certificate
from wire import Connection, WebSocket, fetch

TOKEN = "a-token-for-the-tests-0123456789"
PLACE = re.compile(r"metrics at (http://([^:/\s]+):(\d+)|unix:(\S+))/metrics")
OPEN_METRICS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"


class Admin:
    """What `Connection` needs to know of the admin listener of `running`."""

    def __init__(self, running):
        match = wait_until(lambda: PLACE.search(running.errors), 60, "the admin listener")
        self.host, self.port = match[2], int(match[3])
        self.authority = f"{self.host}:{self.port}"


@pytest.fixture
def running(start):
    process = start(env={"ADMIN_ADDR": "127.0.0.1:0", "WORKERS": "2"}).ready()
    process.admin = Admin(process)
    yield process
    process.stop()


def scrape(running, headers=()):
    answer = fetch(running.admin, "GET", "/metrics", headers)
    assert answer.status == 200, answer
    return answer.body.decode()


def samples(text):
    """Names with their labels, as they are written, to numbers."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def value(running, name):
    return samples(scrape(running)).get(name, 0)


@pytest.fixture
def promtool():
    return shutil.which("promtool") or pytest.skip("promtool (Debian's prometheus) is not installed")


def test_promtool_takes_what_the_guides_give_prometheus(promtool, tmp_path):
    found = [text for guide in sorted(GUIDES.glob("*.md")) for language, text in blocks(guide.name)
             if language == "yaml"]
    assert found
    for text in found:
        (tmp_path / "prometheus.yml").write_text(text)
        checked = subprocess.run([promtool, "check", "config", tmp_path / "prometheus.yml"],
                                 capture_output=True, timeout=60, check=False)
        assert checked.returncode == 0, checked.stderr


def test_promtool_finds_nothing_to_complain_of(running, promtool):
    use(running)
    checked = subprocess.run([promtool, "check", "metrics"], input=scrape(running).encode(),
                             capture_output=True, timeout=60, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def use(running):
    """Something of everything: routes, a push, a socket."""
    assert fetch(running, "GET", "/healthz").status == 200
    assert fetch(running, "GET", "/no-such-page").status == 404
    push_one(running, new_scope(), create())
    socket_ = WebSocket(running)
    assert value(running, 'mizu_connections{kind="websocket",tls="false"}') == 1
    socket_.close()


def test_what_is_counted(running):
    use(running)
    # What is sent is counted behind it, and how long a tick took when it is over.
    wait_until(lambda: value(running, "mizu_http_request_duration_seconds_count") == 4,
               what="the times of four requests")
    wait_until(lambda: value(running, "mizu_sent_bytes_total") > 100, what="bytes that were sent")
    wait_until(lambda: value(running, "mizu_commit_duration_seconds_count") == 1, what="a commit")
    found = samples(scrape(running))
    assert found['mizu_http_requests_total{method="GET",route="/healthz",code="2xx"}'] == 1
    assert found['mizu_http_requests_total{method="any",route="none",code="4xx"}'] == 1
    assert found['mizu_http_requests_total{method="POST",route="/_sync/push",code="2xx"}'] == 1
    assert found['mizu_http_requests_total{method="GET",route="/ws",code="1xx"}'] == 1
    assert found["mizu_http_request_duration_seconds_count"] == 4
    assert 0 < found["mizu_http_request_duration_seconds_sum"] < 60
    assert found["mizu_connections_accepted_total"] == 4
    assert found["mizu_pushes_total"] == 1 and found["mizu_commit_mutations_sum"] == 1
    assert found["mizu_commit_duration_seconds_count"] == 1
    # The file's journal is synced; the record of the commit is on the disk.
    assert found["mizu_commit_fsync_duration_seconds_count"] == 1
    assert found["mizu_log_cache_scopes"] >= 1 and found["mizu_log_cache_bytes"] > 0
    assert found["mizu_received_bytes_total"] > 100 and found["mizu_sent_bytes_total"] > 100
    assert found["mizu_workers"] == 2 and found["mizu_ready"] == 1
    assert found["process_resident_memory_bytes"] > 1 << 20
    assert found["process_open_fds"] > 10 and found["process_start_time_seconds"] > 1.7e9
    # A scrape counts nowhere: it is another server's.
    assert value(running, "mizu_connections_accepted_total") == 4


def test_fan_outs_are_counted(running):
    scope = new_scope()
    with WebSocket(running) as watcher:
        watcher.ask({"type": "subscribe", "topic": f"sync:{scope}", "cursor": 0, "ref": "1"})
        assert value(running, "mizu_subscriptions") == 1
        push_one(running, scope, create())
        wait_until(lambda: value(running, "mizu_fan_out_subscribers_sum") == 1, 60, "a fan-out")
        wait_until(lambda: value(running, "mizu_fan_out_duration_seconds_count") == 1,
                   what="its time")
    wait_until(lambda: value(running, "mizu_subscriptions") == 0, 60, "the end of a subscription")


def test_every_family_is_written_once_and_by_its_rules(running):
    use(running)
    text = scrape(running, [("Accept", OPEN_METRICS)])
    assert text.endswith("\n# EOF\n") and text.count("# EOF") == 1
    families = re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M)
    assert len({name for name, _ in families}) == len(families) > 40
    assert ("mizu_http_requests", "counter") in families and ("mizu_build", "info") in families
    # Nothing but the samples of the family that was named last stands below it.
    name = None
    for line in text.splitlines()[:-1]:
        if line.startswith("# TYPE"):
            name = line.split()[2]
        elif not line.startswith("#"):
            assert re.match(rf"{name}(_total|_info|_bucket|_sum|_count)?[{{ ]", line), line
    types = {"text/plain": scrape(running), OPEN_METRICS: text}
    for accept in types:
        answer = fetch(running.admin, "GET", "/metrics", [("Accept", accept)])
        wanted = "application/openmetrics-text" if accept == OPEN_METRICS else "text/plain"
        assert answer.get("content-type").startswith(wanted)


def test_health_and_the_cluster_of_one(running):
    health = fetch(running.admin, "GET", "/health").json
    assert health["ready"] is True and health["reason"] is None and health["sockets"] == 0
    cluster = fetch(running.admin, "GET", "/cluster").json
    [node] = cluster["nodes"]
    assert node["node"] == cluster["node"] and node["version"] and cluster["news"] == "none"
    # The app's own addresses have none of it, and the admin's nothing of the app.
    assert fetch(running, "GET", "/metrics").status == 404
    assert fetch(running.admin, "GET", "/").status == 404


def test_there_is_no_admin_listener_unless_it_is_asked_for(start):
    running = start().ready()
    assert "metrics at" not in running.errors
    running.stop()


def test_pages_of_other_sites_are_refused(running):
    assert fetch(running.admin, "GET", "/metrics", [("Origin", "http://evil.example")]).status == 403
    with Connection(running.admin) as connection:
        connection.send(b"GET /metrics HTTP/1.1\r\nHost: evil.example\r\n\r\n")
        assert connection.response().status == 403


def test_a_token_is_needed_where_others_can_ask(start):
    assert_refuses(start(env={"ADMIN_ADDR": ":0"}), "ADMIN_TOKEN")
    assert_refuses(start(env={"ADMIN_ADDR": "127.0.0.1:0", "ADMIN_TOKEN": "short"}), "ADMIN_TOKEN")
    running = start(env={"ADMIN_ADDR": "127.0.0.1:0", "ADMIN_TOKEN": TOKEN}).ready()
    admin = Admin(running)
    for given in [None, "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN]:
        answer = fetch(admin, "GET", "/metrics", [("Authorization", given)] if given else [])
        assert answer.status == 401 and answer.get("www-authenticate") == "Bearer", given
    right = [("Authorization", f"Bearer {TOKEN}"), ("Host", "metrics.example")]
    assert fetch(admin, "GET", "/metrics", right[:1]).status == 200
    assert TOKEN not in running.errors
    running.stop()
    # It is no flag: the arguments of a process are everybody's.
    refused = start(env={}, args=["--admin-token", TOKEN])
    assert refused.wait(60) == 64


def test_the_app_and_the_admin_share_no_port(start):
    """The kernel would spread connections over both."""
    port = free_port()
    one, every = f"127.0.0.1:{port}", f":{port}"
    for settings in [{"ADDR": one, "ADMIN_ADDR": one}, {"ADDR": every, "ADMIN_ADDR": one},
                     {"ADDR": f"127.0.0.1:0,{one}", "ADMIN_ADDR": every, "ADMIN_TOKEN": TOKEN}]:
        refused = start(env=settings)
        assert_refuses(refused, f"ADMIN_ADDR={settings['ADMIN_ADDR']} is where the app listens")
    refused = start(env={"ADDR": one, "TLS_ADDR": one, "TLS_SELF_SIGNED": "on"})
    assert_refuses(refused, f"TLS_ADDR={one} is where ADDR={one} listens")


def test_who_cannot_listen_names_the_setting_and_the_place(start, tmp_path):
    missing, file = tmp_path / "missing" / "a.sock", tmp_path / "file"
    file.write_text("kept")
    assert_refuses(start(env={"ADMIN_ADDR": f"unix:{missing}"}),
                   f"ADMIN_ADDR: cannot listen on {missing}: no such file")
    assert_refuses(start(env={"ADMIN_ADDR": f"unix:{file}"}),
                   f"ADMIN_ADDR: {file} is there and is no socket")
    assert file.read_text() == "kept"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert_refuses(start(env={"ADMIN_ADDR": address}), "choose another ADMIN_ADDR")
        assert_refuses(start(env={"ADDR": address}), "choose another ADDR")


@pytest.mark.parametrize("umask", [0o022, 0o077], ids=oct)
def test_a_socket_in_the_file_system(start, tmp_path, umask):
    path = tmp_path / "admin.sock"
    running = start(env={"ADMIN_ADDR": f"unix:{path}"}, before_exec=lambda: os.umask(umask)).ready()
    wait_until(lambda: PLACE.search(running.errors), 60, "the admin listener")
    assert stat.S_ISSOCK(path.stat().st_mode) and stat.S_IMODE(path.stat().st_mode) == 0o660

    class Unix(http.client.HTTPConnection):
        def connect(self):
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(60)
            self.sock.connect(str(path))

    client = Unix("localhost")
    client.request("GET", "/metrics")
    answer = client.getresponse()
    assert answer.status == 200 and b"mizu_ready 1" in answer.read()
    client.close()
    # A second process does not take it away; one that was killed leaves it for the next.
    assert_refuses(start(database="memory:", env={"ADMIN_ADDR": f"unix:{path}"}), "in use")
    running.kill()
    assert path.exists()
    running = start(env={"ADMIN_ADDR": f"unix:{path}"}).ready()
    running.stop()
    assert not path.exists()


def test_nobody_waits_for_a_scraper_that_hangs(running):
    hanging = [socket.create_connection((running.admin.host, running.admin.port)) for _ in range(20)]
    for one in hanging:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.sendall(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 20)
    assert fetch(running, "GET", "/healthz").status == 200
    assert "mizu_ready 1" in scrape(running)
    for one in hanging:
        one.close()


# --- who asks, and how -----------------------------------------------------------------------------


def test_there_is_only_get_and_head(running):
    whole = scrape(running)
    head = fetch(running.admin, "HEAD", "/metrics")
    assert head.status == 200 and head.body == b"" and "# TYPE" in whole
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
        answer = fetch(running.admin, method, "/metrics")
        assert (answer.status, answer.get("allow")) == (405, "GET, HEAD"), method
    assert fetch(running.admin, "GET", "/metrics", body=b"x").status == 413


@pytest.mark.parametrize("host", [
    "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "metadata.internal:9180"])
def test_a_name_that_was_bound_to_this_machine_elsewhere_is_no_way_in(running, host):
    with Connection(running.admin) as connection:
        connection.send(f"GET /cluster HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        answer = connection.response()
        assert answer.status == 403 and b"nodes" not in answer.body
    for own in ("localhost", "127.0.0.1", f"127.0.0.1:{running.admin.port}", "[::1]:1"):
        assert fetch(running.admin, "GET", "/cluster", [("Host", own)]).status == 200, own


def test_a_request_is_short_and_comes_soon_or_not_at_all(running):
    for line in (f"GET /{'x' * 300} HTTP/1.1\r\nHost: localhost\r\n\r\n",
                 f"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: {'x' * 9000}\r\n\r\n",
                 "GET /metrics HTTP/1.1\r\nHost: localhost\r\n" + "A: b\r\n" * 100 + "\r\n"):
        with Connection(running.admin) as connection:
            connection.send(line.encode())
            assert connection.response().status in (414, 431)
    # A head that comes a byte at a time is over after 2 s, however many begin one.
    slow = [Connection(running.admin) for _ in range(40)]
    for one in slow:
        one.send(b"GET /metrics HTTP/1.1\r\nHost: loc")
    assert "mizu_ready 1" in scrape(running)
    for one in slow:
        assert one.response().status == 408
        one.close()


def test_connections_that_only_stand_there_make_room(running):
    idle = []
    for _ in range(70):
        idle.append(socket.create_connection((running.admin.host, running.admin.port)))
    wait_until(lambda: fetch(running.admin, "GET", "/metrics").status == 200, 60,
               "an answer beside 70 idle connections")
    for one in idle:
        one.close()


# --- each family moves -----------------------------------------------------------------------------


def moved(running, before, *names):
    now = samples(scrape(running))
    return [now.get(name, 0) - before.get(name, 0) for name in names]


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_handshakes_are_counted_by_version_and_resumption(start, tmp_path, version):
    certificate, key = make_certificate(tmp_path)
    running = start(env={
        "ADMIN_ADDR": "127.0.0.1:0", "TLS_ADDR": "127.0.0.1:0", "TLS_CERT": str(certificate),
        "TLS_KEY": str(key)}).ready()
    running.admin, secure = Admin(running), Endpoint(running, wait_until)
    names = [f'mizu_tls_handshakes_total{{version="{version}",resumed="{word}"}}'
             for word in ("false", "true")] + ["mizu_tls_handshake_failures_total"]
    before, client = samples(scrape(running)), context(version)
    with SecureConnection(secure, client) as connection:
        assert connection.request("GET", "/healthz").status == 200
        session = connection.socket.session
        assert value(running, 'mizu_connections{kind="http",tls="true"}') == 1
    assert moved(running, before, *names) == [1, 0, 0]
    with SecureConnection(secure, client, session) as connection:
        assert connection.socket.session_reused
        assert connection.request("GET", "/healthz").status == 200
    assert moved(running, before, *names) == [1, 1, 0]
    with socket.create_connection((secure.host, secure.port)) as stranger:
        stranger.sendall(b"\x16\x03\x01\x00\x05nothing")
        stranger.recv(1)
    wait_until(lambda: moved(running, before, *names) == [1, 1, 1], 60, "a handshake that failed")
    running.stop()


def test_drops_are_counted_by_their_cause(start):
    running = start(database="memory:", env={
        "ADMIN_ADDR": "127.0.0.1:0", "CONNECTIONS_MAX": "8", "WORKERS": "1"}).ready()
    running.admin = Admin(running)
    before = samples(scrape(running))
    with Connection(running) as connection:
        connection.request("GET", "/healthz")
    wait_until(lambda: moved(running, before, 'mizu_connections_ended_total{reason="peer_ended"}')
               == [1], 60, "the end of a connection")
    busy = [WebSocket(running) for _ in range(8)]
    with socket.create_connection((running.host, running.port)) as refused:
        refused.settimeout(60)
        refused.recv(1000)
    wait_until(lambda: moved(running, before, 'mizu_connections_refused_total{reason="full"}')[0] >= 1,
               60, "a connection for which there is no room")
    for one in busy:
        one.close()
    running.stop()


def test_messages_and_bytes_are_counted(running):
    with WebSocket(running) as ws:
        before = samples(scrape(running))
        ws.ask({"type": "subscribe", "topic": f"sync:{new_scope()}", "cursor": 0, "ref": "1"})

        def are_counted():
            received, sent, bytes_in, bytes_out = moved(
                running, before, "mizu_websocket_messages_received_total",
                "mizu_websocket_messages_sent_total", "mizu_received_bytes_total",
                "mizu_sent_bytes_total")
            assert received <= 1
            return received == 1 and sent >= 1 and bytes_in > 50 and bytes_out > 50

        # Counted behind the write, and the answer may be here before.
        wait_until(are_counted, what="a message and its answer")


def test_a_busy_worker_measures_some_requests_and_counts_all(running):
    with Connection(running) as connection:
        for _ in range(500):
            assert connection.request("GET", "/healthz").status == 200
    assert value(
        running, 'mizu_http_requests_total{method="GET",route="/healthz",code="2xx"}') == 500
    # What waits for its measurement is less than a group.
    name = "mizu_http_request_duration_seconds_count"
    wait_until(lambda: 500 - 64 < value(running, name) <= 500, what="their times")


# --- requests by name -----------------------------------------------------------------------------

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def lines_of(path, count):
    def look():
        lines = path.read_text().splitlines() if path.exists() else []
        return [json.loads(line) for line in lines] if len(lines) >= count else None
    return wait_until(look, 60, "lines of the access log")


@pytest.mark.parametrize("trusted", [False, True])
def test_only_a_trusted_proxy_names_requests(start, tmp_path, trusted):
    # One worker: each writes its own lines, and which comes first is chance.
    env = {"ACCESS_LOG": "access.log", "WORKERS": "1", "TRUSTED_PROXIES": "127.0.0.1" if trusted else None}
    running = start(database="memory:", env=env).ready()
    traced = ("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01")
    fetch(running, "GET", "/healthz", [("X-Request-Id", "mine-1"), traced])
    fetch(running, "GET", "/healthz", [("X-Request-Id", 'a "quoted" one'), ("traceparent", "no")])
    fetch(running, "GET", "/healthz", [("X-Request-Id", "x" * 65)])
    first, *others = lines_of(tmp_path / "access.log", 3)
    assert (first["request_id"] == "mine-1") == trusted
    assert first["trace_id"] == TRACE
    for line in others + ([] if trusted else [first]):
        assert re.fullmatch("[0-9a-f]{16}", line["request_id"]), line
    assert all("trace_id" not in line for line in others)
    assert len({line["request_id"] for line in [first, *others]}) == 3
    running.stop()


def test_an_answer_of_500_and_above_is_named_as_in_the_log(start, tmp_path):
    running = start(database="memory:", env={"ACCESS_LOG": "access.log"}).ready()
    # 501: a method that nobody knows.
    answer = fetch(running, "BREW", "/")
    assert answer.status == 501
    [line] = lines_of(tmp_path / "access.log", 1)
    assert answer.get("x-request-id") == line["request_id"]
    assert fetch(running, "GET", "/no-such-page").get("x-request-id") is None
    running.stop()
