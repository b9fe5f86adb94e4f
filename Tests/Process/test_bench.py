"""`mizu bench`: each kind of load against our servers, plain, over TLS and compressed; and against
servers that lie, whose lies must be found."""

import json
import signal
import subprocess

import pytest

from liar import Liar
from server import ECHO, MIZU, Process, wait_until
from tls import make_certificate

SUBSCRIBE = '{"type":"subscribe","topic":"{topic}"}'


class Run:
    """One finished `mizu bench`: its exit code, and the object that it printed."""

    def __init__(self, *arguments, timeout=300):
        self.done = subprocess.run(
            [MIZU, "bench", *map(str, arguments)], capture_output=True, timeout=timeout,
            stdin=subprocess.DEVNULL)
        self.code = self.done.returncode
        self.errors = self.done.stderr.decode()

    def __repr__(self):
        return f"<{self.code} {self.done.stdout.decode()[:600]} {self.errors[:300]}>"

    def __getitem__(self, name):
        return json.loads(self.done.stdout)[name]

    @property
    def kinds(self):
        return {kind: value["count"] for kind, value in self["error_kinds"].items()}

    @property
    def came_to_nothing(self):
        """Whether nothing is wrong but that the measured time was over before anything came."""
        first = [error["first"] for error in self["error_kinds"].values()] if self.done.stdout else []
        return first == ["nothing at all came in the measured time"]


COUNTS = ("requests", "echoes", "published", "deliveries", "mutations", "pulls")
PATIENT = ("--grace", 60, "--timeout", 60)  # no wait of the run's own finds a slow machine at fault


def bench(*arguments, seconds=0.25, once=False):
    """A run that measured for so long, and longer (but for `once`) where that was too short for a
    handful of answers: whoever has to answer may be on no core for all of a short time."""
    patient = [word for name, value in zip(PATIENT[::2], PATIENT[1::2]) if name not in arguments
               for word in (name, value)]
    while True:
        run = Run(*arguments, *patient, "--json", "--duration", seconds)
        measured = json.loads(run.done.stdout) if run.done.stdout else {}
        counts = [measured[name] for name in COUNTS if name in measured]
        is_whole = run.code != 0 and not run.came_to_nothing or min(counts, default=10) >= 10
        if once or is_whole or seconds > 8:
            return run
        seconds *= 6


def told_a_lie(lying, lies, kind, *arguments, scheme):
    """A run that was long enough for a server's lie, which is its second or third word."""
    for seconds in (0.5, 5, 60):
        server = lying(**lies)
        run = bench(arguments[0], server.url(scheme), *arguments[1:], "--grace", 0.2,
                    seconds=seconds, once=True)
        if kind in run.kinds or server.count > 3:
            break
    return run


@pytest.fixture(scope="module")
def echo(tmp_path_factory):
    """echo-server with both kinds of port; `certificate` is to be believed."""
    folder = tmp_path_factory.mktemp("echo")
    certificate, key = make_certificate(folder)
    process = Process(
        [ECHO, "--addr", "127.0.0.1:0", "--tls-addr", "127.0.0.1:0", "--tls-cert",
         str(certificate), "--tls-key", str(key), "--workers", "2"], {}, folder)
    try:
        process.certificate = certificate
        wait_until(lambda: len(process.lines) == 2, what="two addresses")
        process.port, process.tls_port = (int(line.rsplit(":", 1)[1]) for line in process.lines)
        yield process
    finally:
        process.kill()


@pytest.fixture
def lying():
    """lying(server) starts a `Liar` for one test."""
    running = []

    def starter(**lies):
        running.append(Liar(**lies))
        return running[-1]

    yield starter
    for server in running:
        server.stop()


# --- http -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [
    (), ("--pipeline", 8), ("--threads", 2), ("--connections", 1)], ids=str)
def test_requests_are_answered_and_counted(echo, more):
    run = bench("http", f"http://127.0.0.1:{echo.port}/", "-c", 4, "--same", "--expect",
                "Hello, World!", *more)
    assert run.code == 0, run
    assert run["requests"] > 0 and run["statuses"] == {"200": run["requests"]}, run
    assert 0 < run["latency_p50_us"] <= run["latency_p99_us"] <= run["latency_max_us"] * 1.01, run


def test_a_body_and_fields_are_sent(echo):
    run = bench("http", f"http://127.0.0.1:{echo.port}/", "-c", 2, "--method", "POST", "--body",
                "four", "-H", "Content-Type: text/plain", "--expect", "four")
    assert run.code == 0 and run["requests"] > 0, run


def test_large_answers_are_compared_whole(echo):
    run = bench("http", f"http://127.0.0.1:{echo.port}/file/300000", "-c", 2, "--same")
    assert run.code == 0 and run["received_bytes"] > 300_000 * run["requests"], run


def test_https_believes_who_it_is_told_to(echo):
    url = f"https://localhost:{echo.tls_port}/"
    assert bench("http", url, "-c", 2, "--ca", echo.certificate).code == 0
    assert bench("http", url, "-c", 2, "--insecure").code == 0
    refused = bench("http", url, "-c", 2)
    assert refused.code == 1 and refused.kinds == {"tls": 2}, refused
    other = bench("http", url.replace("localhost", "127.0.0.1"), "-c", 1, "--ca", echo.certificate)
    assert other.code == 1 and other.kinds == {"tls": 1}, other


def test_a_status_that_was_not_expected_is_an_error(echo):
    url = f"http://127.0.0.1:{echo.port}/nothing"
    assert bench("http", url, "-c", 2).kinds == {"status": 2}
    assert bench("http", url, "-c", 2, "--status", 404).code == 0


def test_wrong_bodies_are_errors(echo, lying):
    assert bench("http", f"http://127.0.0.1:{echo.port}/", "-c", 2, "--expect",
                 "Hello, World?").kinds == {"wrong": 2}
    url = lying(changed_answer=2).url("http")
    assert bench("http", url, "-c", 1).code == 0
    assert bench("http", url, "-c", 1, "--same", seconds=60).kinds == {"wrong": 1}


def test_a_server_that_stays_silent_is_told(lying):
    run = bench("http", lying(silent_after=2).url("http"), "-c", 2, "--grace", 0.2)
    assert run.code == 1 and run.kinds == {"lost": 2}, run


@pytest.mark.parametrize("pipeline", [1, 4])
def test_a_server_that_ends_connections_in_peace_is_asked_again(lying, pipeline):
    run = bench("http", lying(close_after=2).url("http"), "-c", 2, "--pipeline", pipeline)
    assert run.code == 0 and run["reopened"] > 1 and run["requests"] > 2, run


@pytest.mark.parametrize("kind", ["http", "ws", "live", "idle", "sync"])
def test_a_server_that_hangs_up_at_once_is_no_success(lying, kind):
    scheme = "http" if kind in ("http", "sync") else "ws"
    run = bench(kind, lying(unwelcoming=True).url(scheme), "-c", 2, "--timeout", 0.5)
    assert run.code == 1 and run["errors"] > 0, run


# --- ws -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [
    (), ("--inflight", 4), ("--binary", "--size", 1000), ("--size", 70_000, "-c", 2),
    ("--size", 10), ("--threads", 2), ("--message", '{"n":{seq},"text":"{pad}"}')], ids=str)
def test_echoes_come_back(echo, more):
    run = bench("ws", f"ws://127.0.0.1:{echo.port}/ws", "-c", 4, *more)
    assert run.code == 0 and run["echoes"] > 0, run


def test_echoes_come_back_over_tls_and_compressed(echo, lying):
    run = bench("ws", f"wss://localhost:{echo.tls_port}/ws", "-c", 4, "--ca", echo.certificate)
    assert run.code == 0 and run["echoes"] > 0, run
    for flag in ["--deflate", "--deflate-fresh"]:
        run = bench("ws", f"ws://127.0.0.1:{echo.port}/ws", "-c", 4, flag)
        assert run.code == 0 and run["echoes"] > 0, run
        server = lying(deflates=True)
        run = bench("ws", server.url("ws"), "-c", 2, "--size", 3000, "--message",
                    '{"seq":"{seq}","text":"' + "water " * 400 + '{pad}"}', flag)
        assert run.code == 0 and run["echoes"] > 0 and server.inflated > 0, run
        assert run["sent_bytes"] < 1500 * run["echoes"], run


@pytest.mark.parametrize("lies, kind", [
    (dict(damaged=20), "wrong"), (dict(dropped=20), "lost"), (dict(doubled=20), "doubled"),
    (dict(last_dropped=2), "lost"), (dict(closed=20), "closed"), (dict(cut=20), "closed"),
    (dict(masked=20), "malformed"), (dict(bad_accept=True), "upgrade"),
    (dict(damaged=20, deflates=True), "wrong")], ids=str)
def test_a_lie_about_an_echo_is_found(lying, lies, kind):
    deflate = ["--deflate"] if "deflates" in lies else []
    # But for silence a lie ends the connection, and with it the run.
    run = bench("ws", lying(**lies).url("ws"), "-c", 1, "--inflight", 3, "--grace", 0.2, *deflate,
                seconds=0.5 if "last_dropped" in lies else 60)
    assert run.code == 1 and kind in run.kinds and run["errors"] >= 1, run


# --- live -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [
    (), ("--window", 8), ("--rate", 200), ("--threads", 2, "--window", 2)], ids=str)
def test_every_subscriber_is_told_of_every_publication(echo, more):
    run = bench("live", f"ws://127.0.0.1:{echo.port}/ws", "--protocol", "echo", "-c", 5, *more)
    assert run.code == 0 and run["connections"] == 5 and run["published"] > 0, run
    assert run["deliveries"] <= 5 * run["published"], run
    assert (run["lost"], run["doubled"], run["out_of_order"]) == (0, 0, 0), run
    assert run["to_all_p50_us"] >= run["latency_p50_us"] * 0.98, run


def test_threads_without_a_subscriber_hold_nothing_up(echo):
    run = bench("live", f"ws://127.0.0.1:{echo.port}/ws", "--protocol", "echo", "-c", 1, "-t", 3)
    assert run.code == 0 and run["published"] > 0, run


def test_fan_out_over_tls(echo):
    run = bench("live", f"wss://localhost:{echo.tls_port}/ws", "--protocol", "echo", "-c", 5,
                "--ca", echo.certificate)
    assert run.code == 0 and run["deliveries"] > 0, run


@pytest.mark.parametrize("more", [(), ("--window", 5, "--threads", 2), ("--deflate",)], ids=str)
def test_a_sync_topic_is_told_of_every_push(server, more):
    run = bench("live", f"ws://{server.authority}/ws", "-c", 5, *more)
    assert run.code == 0 and run["deliveries"] > 0 and run["lost"] == 0, run


def test_a_topic_that_may_not_be_had_is_refused(server):
    run = bench("live", f"ws://{server.authority}/ws", "-c", 2, "--topic", "room:1")
    assert run.code == 1 and run.kinds["refused"] >= 2, run


@pytest.mark.parametrize("deflates", [False, True])
def test_an_honest_server_of_other_words_is_no_liar(lying, deflates):
    run = bench("live", lying(deflates=deflates).url("ws"), "--protocol", "echo", "-c", 3,
                "--topic", "a", "--subscribe", '{"join":"{topic}"}', "--ack", "joined",
                "--publish", '{"say":{message}}', "--delivery", '{"said":{message}}',
                *(["--deflate"] if deflates else []))
    assert run.code == 0 and run["deliveries"] > 0, run


@pytest.mark.parametrize("lies, kind", [
    (dict(damaged=20), "wrong"), (dict(dropped=2), "lost"), (dict(doubled=2), "doubled"),
    (dict(swapped=2), "disordered"), (dict(closed=20), "closed")], ids=str)
def test_a_lie_about_a_delivery_is_found(lying, lies, kind):
    liar = ["live", "--protocol", "echo", "-c", 1, "--window", 4, "--subscribe",
            '{"join":"{topic}"}', "--ack", "joined", "--publish", '{"say":{message}}', "--delivery",
            '{"said":{message}}']
    if {"damaged", "closed"} & set(lies):  # this ends the run
        run = bench("live", lying(**lies).url("ws"), *liar[1:], "--grace", 0.2, seconds=60)
    else:
        run = told_a_lie(lying, lies, kind, *liar, scheme="ws")
    assert run.code == 1 and kind in run.kinds, run


# --- idle -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["http", "https", "ws", "wss"])
def test_held_connections_are_weighed_and_alive(echo, url):
    port = echo.tls_port if url.endswith("s") and url != "ws" else echo.port
    place = "/ws" if url.startswith("ws") else "/"
    run = bench("idle", f"{url}://localhost:{port}{place}", "-c", 50, "--ca", echo.certificate,
                "--pid", echo.child.pid)
    assert run.code == 0 and run["alive"] == run["connections"] == 50, run
    assert run["anonymous_bytes"] > 1 << 18 and "kernel_slab_bytes_each" in run.done.stdout.decode()


def test_held_sockets_can_be_subscribed(echo):
    run = bench("idle", f"ws://127.0.0.1:{echo.port}/ws", "-c", 10, "--subscribe", SUBSCRIBE)
    assert run.code == 0 and run["alive"] == 10, run
    refused = bench("idle", f"ws://127.0.0.1:{echo.port}/ws", "-c", 3, "--subscribe", "hello")
    assert refused.code == 1 and refused.kinds == {"refused": 3}, refused


def test_a_held_socket_that_is_dead_is_found(lying):
    run = bench("idle", lying(pongless=True).url("ws"), "-c", 2, "--grace", 0.2)
    assert run.code == 1 and run.kinds == {"lost": 2} and run["alive"] == 0, run


def test_more_connections_than_open_files_are_refused_with_a_reason(echo):
    done = subprocess.run(
        ["sh", "-c", f"ulimit -n 200; exec {MIZU} bench idle ws://127.0.0.1:{echo.port}/ws -c 500"],
        capture_output=True, timeout=60)
    assert done.returncode == 1 and b"open files" in done.stderr, done


# --- sync -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", [
    (), ("--batch", 10, "--pullers", 2), ("--threads", 2, "--listeners", 3),
    ("--scope", "shared")], ids=str)
def test_what_is_pushed_is_pulled_once(server, more):
    run = bench("sync", f"http://{server.authority}/", "-c", 4, *more)
    assert run.code == 0 and run["mutations"] > 0 and run["pulls"] > 0, run
    assert (run["lost"], run["doubled"], run["unacknowledged"]) == (0, 0, 0), run
    assert run["acknowledged"] >= run["mutations"], run
    # Who listens was told of all of it; the three latencies are three.
    assert run["deltas"] + 1000 * run["pokes"] >= run["acknowledged"], run
    assert min(run[f"{kind}latency_p50_us"] for kind in ("", "pull_", "delta_")) > 0, run
    assert run["delta_after_answer_p50_us"] <= run["delta_latency_p50_us"], run


def test_nobody_need_listen(server):
    run = bench("sync", f"http://{server.authority}/", "-c", 2, "--listeners", 0)
    assert run.code == 0 and b"deltas" not in run.done.stdout, run


def test_a_mutation_that_is_refused_is_told(server):
    run = bench("sync", f"http://{server.authority}/", "-c", 2, "--mutation", "nobody.knows")
    assert run.code == 1 and run.kinds["refused"] == 2, run


@pytest.mark.parametrize("lies, kind", [
    (dict(damaged=2), "wrong"), (dict(dropped=2), "lost"), (dict(doubled=2), "lost"),
    (dict(refused=2), "refused"), (dict(forgotten=2), "lost")], ids=str)
def test_a_lie_about_a_change_is_found(lying, lies, kind):
    run = told_a_lie(lying, lies, kind, "sync", "-c", 1, "--listeners", 0, scheme="http")
    assert run.code == 1 and kind in run.kinds, run


# --- manners --------------------------------------------------------------------------------------


def test_an_interrupt_still_tells_what_was_measured(lying):
    server = lying()
    child = subprocess.Popen(
        [MIZU, "bench", "ws", server.url("ws"), "-c", "2", "-d", "600", "--json"],
        stdout=subprocess.PIPE)
    # Of so many echoes all but one of each connection have come back.
    wait_until(lambda: server.echoed > 100, what="something to tell")
    child.send_signal(signal.SIGINT)
    output, _ = child.communicate(timeout=60)
    told = json.loads(output)
    assert child.returncode == 0 and told["interrupted"] and told["echoes"] > 0, told
    assert told["seconds"] < 300


@pytest.mark.parametrize("arguments", [
    (), ("http",), ("http", "nowhere"), ("http", "ws://127.0.0.1/"), ("ws", "http://127.0.0.1/"),
    ("ws", "ws://127.0.0.1/", "--size", 5), ("http", "http://127.0.0.1/", "-c", 0),
    ("http", "http://127.0.0.1/", "--method", "BREW"), ("ws", "ws://127.0.0.1/", "--inflight", 0),
    ("http", "http://127.0.0.1/", "-H", "no colon"), ("sync", "http://127.0.0.1/", "--batch", 101),
    ("sync", "http://127.0.0.1/", "--listeners", 1001),
    ("live", "ws://127.0.0.1/", "--message", "for a sync topic"),
    ("live", "ws://127.0.0.1/", "--topic", "a", "--message", "always the same"),
    ("ws", "ws://127.0.0.1/", "--message", "always the same")], ids=str)
def test_arguments_that_cannot_be_meant_are_64(arguments):
    run = Run(*arguments)
    assert run.code == (0 if not arguments else 64), run
    assert not arguments or run.errors.startswith("Error: "), run


def test_a_server_that_is_not_there_is_told():
    run = bench("http", "http://127.0.0.1:1/", "-c", 3)
    assert run.code == 1 and run.kinds == {"connect": 3}, run
    assert Run("http", "http://name.invalid/", "-c", 3).code == 1


@pytest.mark.parametrize("kind", ["http", "ws", "live", "idle", "sync"])
def test_help_has_examples(kind):
    run = Run(kind, "--help")
    assert run.code == 0 and f"mizu bench {kind} " in run.done.stdout.decode(), run
    table = Run("http", "http://127.0.0.1:1/", "-c", 1, "-d", 0.1)
    assert "connection refused" in table.done.stdout.decode().lower(), table
