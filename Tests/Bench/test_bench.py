"""What `make bench-http` reads from its tools, and what it says of the figures."""

import pytest

import load
import servers
from machine import Skipped
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


def test_the_table_and_the_json_are_written(tmp_path):
    report = Report({"date": "today"})
    report.rows.append(row(((">=", 1.1, "nginx"),), nginx=[1000, 1200], echo_server=[3000]))
    report.command(["wrk", "http://127.0.0.1/"])
    text, json = report.write(tmp_path, "http")
    assert "1,100" in text.read_text() and "2.73 x nginx" in text.read_text()
    assert '"rounds"' in json.read_text() and "wrk http" in json.read_text()
