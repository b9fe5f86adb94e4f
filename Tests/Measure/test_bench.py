"""What `make bench-http`, `bench-live` and `bench-sync` read from their tools, and what they say of the
figures."""

import json
import os
import pathlib
import socket
import types

import pytest

import bars
import bench
import clients
import cluster_clients
import load
import scale
import servers
import sync_load
import wsload
from machine import Damaged, Skipped
from report import Report, Row

WRK = """Running 1s test @ http://127.0.0.1:8080/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   461.96us   56.61us   2.91ms   93.81%
    Req/Sec   137.79k     1.91k  140.01k    63.64%
  150708 requests in 1.10s, 21.27MB read
Requests/sec: 137057.10
Transfer/sec:     19.34MB
"""


def test_wrk_is_read():
    assert load.parse_wrk(WRK) == (150708, 1.10)
    assert load.parse_wrk(WRK.replace("1.10s", "2.00m")) == (150708, 120.0)


@pytest.mark.parametrize("line", ["  Non-2xx or 3xx responses: 7",
                                  "  Socket errors: connect 0, read 3, write 0, timeout 0"])
def test_what_failed_under_wrk_is_no_figure(line):
    text = WRK.replace("Requests/sec", line + "\nRequests/sec")
    with pytest.raises(Skipped, match=line.split(":")[1].strip()):
        load.parse_wrk(text)


def test_a_run_without_an_answer_is_no_figure():
    with pytest.raises(Skipped):
        load.parse_wrk(WRK.replace("150708 requests", "0 requests"))
    with pytest.raises(Skipped):
        load.parse_wrk("unable to connect to 127.0.0.1:1 Connection refused")


def test_callgrind_and_smaps_are_read():
    assert load.instructions_of("events: Ir\nsummary: 7858432\n\n1 2\ntotals: 7858555\n") == 7858432
    with pytest.raises(Skipped):
        load.instructions_of("events: Ir\n")
    smaps = "55ba-7fff ---p 00000000 00:00 0 [rollup]\nRss:  8576 kB\nPss_Anon: 1 kB\n" \
        "Anonymous:           736 kB\n"
    assert servers.memory_of(smaps) == (8576 * 1024, 736 * 1024)


def row(promises, **figures):
    made = Row("GET /", "per CPU s", promises)
    for name, values in figures.items():
        for value in values:
            made.add(name.replace("_", "-"), value)
    return made


def test_a_promise_is_kept_by_the_medians_of_all_rounds():
    promises = ((">=", 0.95, "floor"), (">=", 1.10, "nginx"))
    made = row(promises, floor=[100, 1, 101], nginx=[90, 91, 900], echo_server=[99, 5, 100])
    assert [met for _, met in made.verdicts()] == [True, False]
    assert made.verdicts()[0][0] == "0.99 x floor, >= 0.95: met"
    assert "MISSED" in made.verdicts()[1][0]


def test_a_bound_is_a_bound():
    assert row((("<=", 2500, None),), echo_server=[2500]).verdicts() == [("<= 2,500: met", True)]
    assert row((("<=", 2500, None),), echo_server=[2501]).verdicts()[0][1] is False


def test_what_was_not_measured_is_neither_kept_nor_missed_and_the_reason_is_told():
    made = row(((">=", 1.1, "nginx"),), echo_server=[3])
    assert made.verdicts()[0][1] is None
    made = row(((">=", 1.1, "nginx"),), nginx=[1, 1], echo_server=[3])
    # It failed in a later round: what it gave before does not count.
    made.skip("echo-server", "it died")
    assert made.verdicts()[0][1] is None
    report = Report({"date": "today"})
    report.rows.append(made)
    assert "left out: GET / (echo-server): it died" in report.text()


def test_a_report_takes_the_place_of_the_shares_in_the_readmes_bars_and_of_no_others():
    figures = {"date": "then", "machine": "a", "groups": [{"title": "HTTP", "of": "nginx", "rows": [
        {"title": "GET", "report": "GET /", "shares": [1.0, 1.2]},
        {"title": "TLS", "report": "TLS GET /", "shares": [1.16]}]}]}
    report = Report({"date": "2026-11-27T10:00:00+00:00", "machine": "b"})
    report.rows.append(row((), nginx=[100], echo_server=[150]))
    bars.take_report(figures, {**report.description, "rows": [report.rows[0].as_json()]})
    assert [one["shares"] for one in figures["groups"][0]["rows"]] == [[1.5], [1.16]]
    assert (figures["date"], figures["machine"]) == ("2026-11-27", "b")
    picture = bars.draw(figures)
    assert "1.50" in picture and "1.16" in picture and "2026-11-27" in picture


def test_the_picture_in_the_repository_is_drawn_from_the_figures_beside_it():
    folder = pathlib.Path(__file__).resolve().parents[2] / "Assets/Pictures"
    figures = json.loads((folder / "benchmark.json").read_text())
    assert (folder / "benchmark.svg").read_text() == bars.draw(figures), "run make pictures"


def test_the_table_and_the_json_are_written(tmp_path):
    report = Report({"date": "today"}, ("nginx", "echo-server"))
    report.rows.append(row(((">=", 1.1, "nginx"),), nginx=[1000, 1200], echo_server=[3000]))
    report.command(["wrk", "http://127.0.0.1/"])
    text, figures = report.write(tmp_path, "http")
    assert "1,100" in text.read_text() and "2.73 x nginx" in text.read_text()
    assert '"rounds"' in figures.read_text() and "wrk http" in figures.read_text()


# make bench-live ----------------------------------------------------------------------------------

WHOLE = {"failed": 0, "closed_early": 0, "lost": 0, "gaps": 0, "duplicates": 0, "content_errors": 0,
         "protocol_errors": 0, "publish_failures": 0, "other_messages": 0, "messages": 9}


@pytest.mark.parametrize("counter", ["lost", "gaps", "duplicates", "content_errors",
                                     "protocol_errors", "closed_early", "other_messages"])
def test_what_is_lost_or_damaged_is_told(counter):
    assert wsload.damage(WHOLE) == ""
    assert wsload.damage({**WHOLE, counter: 1200}) == counter.replace("_", " ") + " 1,200"


def test_a_compressed_run_in_which_nothing_came_compressed_is_damaged():
    assert "compressed" in wsload.damage(WHOLE, compressed=True)
    assert "compressed" in wsload.damage({**WHOLE, "deflated_messages": 0}, compressed=True)
    assert wsload.damage({**WHOLE, "deflated_messages": 5}, compressed=True) == ""


def wsload_that_says(tmp_path, result, code=0, errors=""):
    """A program in wsload's place, and a server for it to be asked about."""
    program = tmp_path / "wsload"
    program.write_text(f"#!/bin/sh\necho '{result}'\necho '{errors}' >&2\nexit {code}\n")
    program.chmod(0o755)
    server = types.SimpleNamespace(name="echo-server", processes=lambda: [1], http="http://h/")
    return wsload.WsLoad(program, min(os.sched_getaffinity(0))), server


def test_a_run_of_wsload_becomes_figures(tmp_path):
    told = {**WHOLE, "messages_per_s": 3, "msgs_per_server_cpu_s": 7, "server_cpu_run_s": 0.5}
    load_of, server = wsload_that_says(tmp_path, json.dumps(told))
    assert load_of.echo(server, "ws://h/ws", 1) == {
        "per_second": 3, "per_cpu_second": 7, "checked": 9}
    with pytest.raises(Damaged, match="no message came compressed"):
        load_of.echo(server, "ws://h/ws", 1, "--deflate")


def test_a_run_that_hardly_used_the_server_is_no_figure(tmp_path):
    told = {**WHOLE, "messages_per_s": 3, "msgs_per_server_cpu_s": 7, "server_cpu_run_s": 0.03}
    load_of, server = wsload_that_says(tmp_path, json.dumps(told))
    with pytest.raises(Skipped, match="only 0.03 s"):
        load_of.echo(server, "ws://h/ws", 1)


def test_a_lost_message_is_damage_though_wsload_ends_with_0(tmp_path):
    load_of, server = wsload_that_says(tmp_path, json.dumps({**WHOLE, "lost": 2}))
    with pytest.raises(Damaged, match="echo-server: lost 2"):
        load_of.deliveries(server, "ws://h/ws", 10, 1)


def test_a_run_that_ends_without_a_result_is_left_out(tmp_path):
    load_of, server = wsload_that_says(tmp_path, "", 2, "no such option")
    with pytest.raises(Skipped, match="no such option") as caught:
        load_of.latency(server, "ws://h/ws", 10, 1, 5)
    assert not isinstance(caught.value, Damaged)


def test_who_fails_misses_its_promises_and_who_is_left_out_does_not():
    promises = ((">=", 0.9, "floor"), ("<=", 300, None))
    for reason, met in ((Damaged("lost 1"), False), (Skipped("not there"), None)):
        made = row(promises, floor=[100], echo_server=[100])
        made.give_up("echo-server", reason)
        assert [verdict for _, verdict in made.verdicts()] == [met, met]
    report = Report({})
    report.rows.append(row(promises, floor=[100]))
    report.rows[0].give_up("echo-server", Damaged("lost 1"))
    assert "FAILED: GET / (echo-server): lost 1" in report.text()
    assert report.rows[0].as_json()["failed"] == {"echo-server": "lost 1"}


def test_a_floor_that_fails_leaves_nothing_to_judge_by():
    made = row(((">=", 0.9, "floor"),), floor=[100], echo_server=[100])
    made.give_up("floor", Damaged("lost 1"))
    assert made.verdicts()[0][1] is None


def test_a_promise_of_so_many_more_is_a_difference():
    promises = (("<= +", 300, "reference"),)
    for own, told, met in ((11300, "+300", True), (11301, "+301", False), (10000, "-1,000", True)):
        verdict = row(promises, reference=[11000], echo_server=[own]).verdicts()[0]
        assert verdict[1] is met and verdict[0].startswith(f"reference {told}, <= reference + 300")
    assert row(promises, reference=[0], echo_server=[200]).verdicts()[0][1] is True


def test_the_longest_absence_of_all_rounds_is_judged():
    made = Row("closing", "ms", (("<=", 50, None),), pick=max)
    for figure in (3, 51, 4):
        made.add("echo-server", figure)
    assert made.verdicts()[0][1] is False


def test_rounds_are_interleaved_and_who_fails_once_is_not_asked_again():
    asked = []

    def measure(name, fails_in=None):
        def once(seconds):
            asked.append((name, seconds))
            if len([who for who, _ in asked if who == name]) == fails_in:
                raise Damaged("lost 1")
            return {"per_second": len(asked)}
        return once

    rows = [{"per_second": Row("a", "")}, {"per_second": Row("b", "")}]
    one = types.SimpleNamespace(options=types.SimpleNamespace(rounds=3, seconds_each=2))
    bench.Bench.rounds(one, [(rows, "floor", measure("floor")),
                             ([rows[1]], "echo-server", measure("echo-server", 3))], warm_up=1)
    assert [name for name, _ in asked] == ["floor", "echo-server"] * 3 + ["floor"]
    assert [seconds for _, seconds in asked] == [1, 1, 2, 2, 2, 2, 2]
    assert rows[0]["per_second"].figures == {"floor": [3, 5, 7]}
    assert rows[1]["per_second"].figures["echo-server"] == [4]
    assert rows[1]["per_second"].failures == {"echo-server": "lost 1"}


def test_an_absence_is_the_servers_own():
    away, ms = clients.Away(), 1_000_000
    away.add(0, 10 * ms, 4 * ms, 2 * ms, 10 * ms)  # of 10 ms it waited 4 for its processor
    assert away.told()["longest_ms"] == 6 and away.told()["with_waiting_ms"] == 10
    # We read 30 ms late: what it waited may have been behind its answer, and is not taken off.
    away.add(0, 8 * ms, 30 * ms, 5 * ms, 38 * ms)
    assert away.told() == {
        "pings": 2, "longest_ms": 8, "with_waiting_ms": 10, "silence_ms": 5}


def test_a_watch_that_was_not_let_on_has_not_seen():
    probe = {"longest_ms": 3.0, "with_waiting_ms": 4.0, "silence_ms": 2.0}
    watch = scale.Watch([probe, {**probe, "longest_ms": 7.0}])
    assert watch.has_seen and watch.longest_ms == 7 and "7.0 ms (4.0" in str(watch)
    assert not scale.Watch([probe, {**probe, "silence_ms": scale.SILENCE_MS + 1}]).has_seen


def crowd_of(count):
    """A crowd over socket pairs, and its members' other ends."""
    crowd = clients.Crowd(1, 1)
    far = []
    for _ in range(count):
        near, other = socket.socketpair()
        near.setblocking(False)
        crowd.members[near.fileno()] = near
        crowd.readable.register(near.fileno(), clients.select.EPOLLIN)
        far.append(other)
    return crowd, far


def test_a_crowd_tells_who_heard_what():
    crowd, far = crowd_of(7)
    frame, ping = clients.wire.frame(clients.wire.TEXT, b"news", masked=False), b"\x89\x00"
    far[0].sendall(frame)
    far[1].sendall(ping + frame + ping)  # asked whether it is there
    far[2].sendall(frame[:-1] + b"!")
    far[3].sendall(frame * 2)
    far[4].close()
    far[5].sendall(frame[:-1])
    told = crowd.hear(frame, seconds=0.2)
    # The one with two heard it once, and then something else.
    assert (told["heard"], told["wrong"], told["missing"]) == (3, 3, 2)
    assert len(far[1].recv(100)) == 2 * len(clients.wire.frame(clients.wire.PONG))
    assert crowd.more(0.05) == {"more": 0}
    far[5].sendall(frame[-1:])
    far[0].sendall(frame)
    assert crowd.more(0.05) == {"more": 2}


def test_a_crowd_finds_its_frames_however_they_are_cut():
    crowd, _ = crowd_of(1)
    stream = b"\x81\x02hi\x89\x00\x81\x00\x81\x03you"
    whole = list(crowd.frames(5, stream))
    assert whole == [b"\x81\x02hi", b"\x89\x00", b"\x81\x00", b"\x81\x03you"]
    for cut in range(len(stream) + 1):
        assert [*crowd.frames(5, stream[:cut]), *crowd.frames(5, stream[cut:])] == whole
    with pytest.raises(ConnectionError, match="long frame"):
        list(crowd.frames(5, b"\x81\x7e" + bytes(200)))


# sync ---------------------------------------------------------------------------------------------


class Page(types.SimpleNamespace):
    http = "http://127.0.0.1:9/"


def test_a_question_is_a_get_or_a_post_of_its_body(tmp_path):
    get = sync_load.Question(1, tmp_path, "/api/todos").command(Page(), 3)
    assert get[-1] == "http://127.0.0.1:9/api/todos" and "-s" not in get
    post = sync_load.Question(1, tmp_path, "/_sync/pull", {"cursor": 0}).command(Page(), 3)
    assert post[-4:-1] == ["http://127.0.0.1:9/_sync/pull", "--", "post"]
    assert json.loads(pathlib.Path(post[-1]).read_text()) == {"cursor": 0}


def test_a_wrong_answer_is_damage():
    sync_load.text_check(rb"<li", 2)(b"<ul><li>a<li>b</ul>")
    sync_load.json_check(lambda answer: answer["records"] == [])(b'{"records":[]}')
    with pytest.raises(Damaged):
        sync_load.text_check(rb"<li", 2)(b"<ul><li>a</ul>")
    with pytest.raises(Damaged):
        sync_load.json_check(lambda answer: answer["records"] == [1])(b'{"records":[]}')


def test_the_subject_of_a_table_is_who_is_judged():
    report = Report({}, ("nginx", "mizu"), "mizu")
    made = report.row("push", "per CPU s", ((">=", 0.25, "nginx"),))
    made.add("nginx", 100)
    made.add("mizu", 20)
    assert made.verdicts() == [("0.20 x nginx, >= 0.25: MISSED", False)]


def test_fdatasync_is_measured_where_it_is_asked_for(tmp_path):
    assert sync_load.fdatasync_microseconds(tmp_path, count=3) > 0
    assert not list(tmp_path.iterdir())


def test_followers_find_each_text_however_it_comes():
    followers = cluster_clients.Followers(1, 1, "s")
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        followers.members[ours.fileno()] = ours
        texts = [b"a" * 3, b"b" * 125, b"c" * 126, b"d" * 4000]
        stream = b"".join(clients.wire.frame(clients.wire.TEXT, text, masked=False) for text in texts)
        found = []
        for start in range(0, len(stream), 97):
            theirs.sendall(stream[start:start + 97])
            found += followers.payloads(ours.fileno())
        assert found == texts and not followers.partial
        theirs.sendall(clients.wire.frame(clients.wire.PING, b"p", masked=False))
        assert list(followers.payloads(ours.fileno())) == [] and theirs.recv(100)[0] == 0x8A
