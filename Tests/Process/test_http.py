"""HTTP/1.1 (RFC 9110, 9112) as strangers speak it: framing, limits, methods, files, headers."""

import base64
import email.utils
import gzip
import hashlib
import random
import re
import socket
import subprocess
import time

import pytest

from sync import new_scope
from wire import JSON, Closed, Connection, dump, encode, fetch

CSS = "/static/css/app.css"

# --- framing: each of these is answered 400 (or what is named), then the connection is closed, and
# what follows on it is never taken for a request.

HOST = b"Host: h\r\n"
PULL = b"POST /_sync/pull HTTP/1.1\r\nHost: h\r\nContent-Type: application/json\r\n"
CHUNKED = PULL + b"Transfer-Encoding: chunked\r\n\r\n"
GET = b"GET /healthz HTTP/1.1\r\n"
BAD = {
    "both Content-Length and Transfer-Encoding":
        PULL + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "Transfer-Encoding then Content-Length":
        PULL + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
    "differing lengths": PULL + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "a list of differing lengths": PULL + b"Content-Length: 2, 3\r\n\r\n{}",
    "a length with a sign": PULL + b"Content-Length: +2\r\n\r\n{}",
    "a negative length": PULL + b"Content-Length: -2\r\n\r\n{}",
    "a length in hex": PULL + b"Content-Length: 0x2\r\n\r\n{}",
    "a length with a space": PULL + b"Content-Length: 2 0\r\n\r\n{}",
    "a length with a letter": PULL + b"Content-Length: 2a\r\n\r\n{}",
    "a length with a fraction": PULL + b"Content-Length: 2.0\r\n\r\n{}",
    "an empty length": PULL + b"Content-Length: \r\n\r\n",
    "bare LF after the request line": b"GET /healthz HTTP/1.1\nHost: h\r\n\r\n",
    "bare LF after a field": GET + b"Host: h\n\r\n",
    "bare LF for all": b"GET /healthz HTTP/1.1\nHost: h\n\n",
    "bare CR in a value": GET + HOST + b"X: a\rb\r\n\r\n",
    "bare CR before a field": GET + HOST + b"\rX: a\r\n\r\n",
    "NUL in a value": GET + HOST + b"X: a\x00b\r\n\r\n",
    "a control character in a value": GET + HOST + b"X: a\x01b\r\n\r\n",
    "NUL in a name": GET + HOST + b"X\x00: a\r\n\r\n",
    "a space before the colon": GET + HOST + b"X : a\r\n\r\n",
    "a tab before the colon": GET + HOST + b"X\t: a\r\n\r\n",
    "a space before Content-Length's colon": PULL + b"Content-Length : 2\r\n\r\n{}",
    "obs-fold": GET + HOST + b"X: a\r\n b\r\n\r\n",
    "obs-fold by a tab": GET + HOST + b"X: a\r\n\tb\r\n\r\n",
    "a space before the first field": GET + b" Host: h\r\n\r\n",
    "no Host": GET + b"\r\n",
    "two Hosts": GET + HOST + HOST + b"\r\n",
    "two differing Hosts": GET + HOST + b"Host: g\r\n\r\n",
    "a Host with a space": GET + b"Host: a b\r\n\r\n",
    "a Host with a slash": GET + b"Host: a/b\r\n\r\n",
    "a Host with a user": GET + b"Host: u@h\r\n\r\n",
    "a Host with a bad port": GET + b"Host: h:x\r\n\r\n",
    "a Host with a list": GET + b"Host: a, b\r\n\r\n",
    "an empty name": GET + HOST + b": a\r\n\r\n",
    "a field without a colon": GET + HOST + b"hello\r\n\r\n",
    "a name that is no token": GET + HOST + b"a(b): c\r\n\r\n",
    "a name beyond ASCII": GET + HOST + b"\xc3\xa9: c\r\n\r\n",
    "two spaces in the request line": b"GET  /healthz HTTP/1.1\r\nHost: h\r\n\r\n",
    "a space after the version": b"GET /healthz HTTP/1.1 \r\nHost: h\r\n\r\n",
    "a tab in the request line": b"GET\t/healthz HTTP/1.1\r\nHost: h\r\n\r\n",
    "no version": b"GET /healthz\r\nHost: h\r\n\r\n",
    "a version in lower case": b"GET /healthz http/1.1\r\nHost: h\r\n\r\n",
    "a version of two digits": b"GET /healthz HTTP/1.10\r\nHost: h\r\n\r\n",
    "a method that is no token": b"G@T /healthz HTTP/1.1\r\nHost: h\r\n\r\n",
    "an empty method": b" /healthz HTTP/1.1\r\nHost: h\r\n\r\n",
    "a target with a control character": b"GET /a\x7fb HTTP/1.1\r\nHost: h\r\n\r\n",
    "a target with a NUL": b"GET /a\x00b HTTP/1.1\r\nHost: h\r\n\r\n",
    "a target without a slash": b"GET healthz HTTP/1.1\r\nHost: h\r\n\r\n",
    "noise": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 64 + b"\r\n\r\n",
    "a chunk size that is no number": CHUNKED + b"g\r\n{}\r\n0\r\n\r\n",
    "an empty chunk size": CHUNKED + b"\r\n{}\r\n0\r\n\r\n",
    "a chunk size with a sign": CHUNKED + b"+2\r\n{}\r\n0\r\n\r\n",
    "a chunk size in 0x": CHUNKED + b"0x2\r\n{}\r\n0\r\n\r\n",
    "a chunk size of 17 digits": CHUNKED + b"10000000000000002\r\n{}\r\n0\r\n\r\n",
    "a chunk without its CRLF": CHUNKED + b"2\r\n{}0\r\n\r\n",
    "a chunk longer than its size": CHUNKED + b"2\r\n{} \r\n0\r\n\r\n",
    "bare LF after a chunk size": CHUNKED + b"2\n{}\r\n0\r\n\r\n",
    "bare LF after a chunk": CHUNKED + b"2\r\n{}\n0\r\n\r\n",
    "bare CR after a chunk size": CHUNKED + b"2\r{}\r\n0\r\n\r\n",
    "a bad trailer": CHUNKED + b"2\r\n{}\r\n0\r\nX : y\r\n\r\n",
}
OTHERS = {
    "Transfer-Encoding identity": (PULL + b"Transfer-Encoding: identity\r\n\r\n", (400, 501)),
    "Transfer-Encoding gzip": (PULL + b"Transfer-Encoding: gzip, chunked\r\n\r\n", (400, 501)),
    "chunked not last": (PULL + b"Transfer-Encoding: chunked, gzip\r\n\r\n", (400, 501)),
    "chunked twice": (PULL + b"Transfer-Encoding: chunked, chunked\r\n\r\n", (400, 501)),
    "xchunked": (PULL + b"Transfer-Encoding: xchunked\r\n\r\n", (400, 501)),
    "chunked with a vertical tab": (PULL + b"Transfer-Encoding: \x0bchunked\r\n\r\n", (400, 501)),
    "two Transfer-Encodings": (
        PULL + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", (400, 501)),
    "chunked in HTTP/1.0": (
        b"POST /_sync/pull HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", (400,)),
    "HTTP/2.0": (b"GET /healthz HTTP/2.0\r\nHost: h\r\n\r\n", (400, 505)),
    "the preface of HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, 505)),
    "a length of 30 digits": (PULL + b"Content-Length: %s\r\n\r\n" % (b"9" * 30), (400, 413)),
    "a length of 2^64": (PULL + b"Content-Length: 18446744073709551616\r\n\r\n", (400, 413)),
    "a target of 8193 bytes": (b"GET /%s HTTP/1.1\r\nHost: h\r\n\r\n" % (b"a" * 8192), (414,)),
    "a target without an end": (b"GET /" + b"a" * 100_000, (414, 431)),
    "a method without an end": (b"G" * 100_000, (501,)),
    "a method of 65 bytes": (b"G" * 65 + b" / HTTP/1.1\r\nHost: h\r\n\r\n", (501,)),
    "a head over 16 KiB": (GET + HOST + b"X: %s\r\n\r\n" % (b"a" * 17_000), (431,)),
    "a head without an end": (GET + HOST + b"X: " + b"a" * 100_000, (431,)),
    "101 fields": (GET + HOST + b"X: a\r\n" * 100 + b"\r\n", (431,)),
    "a length over 1 MiB": (PULL + b"Content-Length: 1048577\r\n\r\n", (413,)),
    "a chunk over 1 MiB": (CHUNKED + b"100001\r\n", (413,)),
    "an endless chunk extension": (CHUNKED + b"2;" + b"x" * 100_000, (400, 413, 431)),
    "an endless trailer": (CHUNKED + b"0\r\n" + b"X: y\r\n" * 20_000, (400, 413, 431)),
}


@pytest.mark.parametrize("split", ["whole", "byte by byte"])
@pytest.mark.parametrize("name", BAD)
def test_bad_framing_is_400_and_the_end(server, name, split):
    assert_refused_and_closed(server, BAD[name], (400,), split)


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_beyond_the_limits_or_unknown_has_its_status(server, name):
    data, statuses = OTHERS[name]
    assert_refused_and_closed(server, data, statuses, "whole")


def assert_refused_and_closed(server, data, statuses, split):
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n"
    with Connection(server) as connection:
        try:
            for piece in [data + smuggled] if split == "whole" else pieces(data):
                connection.send(piece)
        except Closed:
            pass  # it may close before it has read all of it
        answer = connection.response("POST")
        assert answer.status in statuses, answer
        assert answer.get("connection", "").lower() == "close", answer
        assert answer.get("cache-control") == "no-store", answer
        assert connection.is_closed_by_peer(), "an answer to what came after"


def pieces(data):
    return [data[index:index + 1] for index in range(len(data))]


def test_an_unknown_expectation_and_connect_are_refused(server):
    for data, statuses in ((PULL + b"Expect: magic\r\nContent-Length: 2\r\n\r\n{}", (417,)),
                           (b"CONNECT h:80 HTTP/1.1\r\nHost: h:80\r\n\r\n", (400, 404, 405, 501))):
        with Connection(server) as connection:
            connection.send(data)
            assert connection.response("POST").status in statuses


@pytest.mark.parametrize("data,status", [
    (GET + HOST + b"\r\n", 200),
    (b"\r\n" + GET + HOST + b"\r\n", 200),
    (GET + b"host:h\r\nx:\r\ny: \t z \t\r\n\r\n", 200),
    (GET + b"Host: h:8080\r\n\r\n", 200),
    (GET + b"Host: [::1]:80\r\n\r\n", 200),
    (GET + HOST + b"X: \xff\xfe\r\n\r\n", 200),
    (GET + HOST + b"X: a\r\n" * 99 + b"\r\n", 200),
    (GET + HOST + b"X: %s\r\n\r\n" % (b"a" * 15_000), 200),
    (b"GET /healthz?%s HTTP/1.1\r\nHost: h\r\n\r\n" % (b"a" * 8_000), 200),
    (b"GET http://h/healthz HTTP/1.1\r\nHost: h\r\n\r\n", 200),
    (b"GET /healthz?a=b&c=%20 HTTP/1.1\r\nHost: h\r\n\r\n", 200),
    (b"PURGE /healthz HTTP/1.1\r\nHost: h\r\n\r\n", 501),
    (b"GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", 400),
    (b"GET /nothing HTTP/1.1\r\nHost: h\r\n\r\n", 404),
], ids=lambda v: str(v)[:48])
def test_what_is_allowed_is_answered(server, data, status):
    with Connection(server) as connection:
        connection.send(data)
        answer = connection.response()
        assert answer.status == status or status == 400 and answer.status == 404, answer


@pytest.mark.parametrize("body", [
    b"2\r\n{}\r\n0\r\n\r\n", b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", b"2;ext=\"x\"\r\n{}\r\n0\r\n\r\n",
    b"0002\r\n{}\r\n000\r\n\r\n", b"2\r\n{}\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\n",
])
@pytest.mark.parametrize("split", ["whole", "byte by byte"])
def test_a_chunked_body_is_read(server, body, split):
    with Connection(server) as connection:
        for piece in [CHUNKED + body] if split == "whole" else pieces(CHUNKED + body):
            connection.send(piece)
        assert connection.response("POST").status == 200
        assert connection.request("GET", "/healthz").status == 200, "the next request is in step"


def test_pipelined_requests_are_answered_in_order(server):
    expected = []
    with Connection(server) as connection:
        batch = b""
        for turn in range(60):
            method, path, status = (("GET", "/healthz", 200), ("GET", "/nothing", 404),
                                    ("HEAD", "/healthz", 200), ("DELETE", "/healthz", 405),
                                    ("POST", "/_sync/pull", 200))[turn % 5]
            body = dump({"scope": f"p{turn}", "cursor": 0}) if method == "POST" else None
            batch += encode(method, path, server.authority, JSON if body else [], body)
            expected.append((method, status, body))
        connection.send(batch)
        for method, status, _ in expected:
            assert connection.response(method).status == status


def test_a_request_may_come_byte_by_byte(server):
    data = encode("POST", "/_sync/pull", server.authority, JSON, b'{"scope":"s","cursor":0}')
    with Connection(server) as connection:
        for piece in pieces(data * 2):
            connection.send(piece)
        assert [connection.response("POST").status for _ in range(2)] == [200, 200]


def test_keep_alive_and_close(server):
    with Connection(server) as connection:
        for _ in range(50):
            assert connection.request("GET", "/healthz").status == 200
        answer = connection.request("GET", "/healthz", [("Connection", "close")])
        assert answer.get("connection", "").lower() == "close"
        assert connection.is_closed_by_peer()
    with Connection(server) as connection:
        connection.send(b"GET /healthz HTTP/1.0\r\nHost: h\r\n\r\n")
        assert connection.response().status == 200
        assert connection.is_closed_by_peer(), "HTTP/1.0 ends unless told otherwise"


def test_a_peer_that_ends_its_side_still_gets_its_answer(server):

    with Connection(server) as connection:
        connection.send(encode("GET", "/healthz", server.authority))
        connection.socket.shutdown(socket.SHUT_WR)
        assert connection.response().status == 200
        assert connection.is_closed_by_peer()


# --- Expect: 100-continue ------------------------------------------------------------------------

def expect(length, *lines):
    return b"\r\n".join([PULL[:-2], b"Expect: 100-continue", b"Content-Length: %d" % length, *lines,
                         b"", b""])


def test_100_continue_is_said_before_the_body(server):
    body = dump({"scope": new_scope(), "cursor": 0})
    with Connection(server) as connection:
        connection.send(expect(len(body)))
        assert connection.response().status == 100
        connection.send(body)
        assert connection.response("POST").status == 200


def test_a_refusal_comes_without_100(server):
    for data, status in ((expect((1 << 20) + 1), 413),
                         (expect(10, b"Origin: http://evil.example"), 403)):
        with Connection(server) as connection:
            connection.send(data)
            assert connection.response("POST").status == status


@pytest.mark.parametrize("method,path,status", [
    ("POST", "/nothing", 404), ("PUT", "/_sync/pull", 405), ("PURGE", "/_sync/pull", 501),
])
def test_what_the_head_alone_decides_is_said_in_place_of_100(server, method, path, status):
    """RFC 9110 §10.1.1: a client that waits shall not send a body that nobody reads."""
    with Connection(server) as connection:
        connection.send(encode(method, path, server.authority,
                               [("Expect", "100-continue"), ("Content-Length", "10")]))
        assert connection.response(method).status == status
        assert connection.is_closed_by_peer(), "its body would be taken for a request"


def test_a_body_that_does_not_wait_is_read_all_the_same(server):
    body = dump({"scope": new_scope(), "cursor": 0})
    with Connection(server) as connection:
        connection.send(expect(len(body)) + body)
        answer = connection.response("POST")
        if answer.status == 100:
            answer = connection.response("POST")
        assert answer.status == 200


# --- methods and headers -------------------------------------------------------------------------

@pytest.mark.parametrize("path", ["/", "/healthz", CSS, "/api/todos"])
def test_head_has_the_head_of_get_and_no_body(server, path):
    with Connection(server) as connection:
        got, head = connection.request("GET", path), connection.request("HEAD", path)
        assert got.status == head.status == 200
        for name in ("content-type", "content-length", "etag", "cache-control"):
            assert got.get(name) == head.get(name), name
        assert connection.request("GET", "/healthz").status == 200, "still in step"


@pytest.mark.parametrize("path,methods", [
    ("/healthz", {"GET", "HEAD"}), ("/api/todos", {"GET", "HEAD", "POST"}),
    ("/api/todos/x", {"PUT", "DELETE"}), ("/_sync/push", {"POST"}), ("/todos", {"POST"}),
])
def test_options_and_405_tell_what_is_allowed(server, path, methods):
    options = fetch(server, "OPTIONS", path)
    assert options.status in (200, 204), options
    refused = fetch(server, "PATCH", path)
    assert refused.status == 405, refused
    for answer in (options, refused):
        allowed = {m.strip() for m in answer.get("allow", "").split(",")}
        assert methods <= allowed, answer


def test_options_of_the_server(server):
    with Connection(server) as connection:
        connection.send(b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n")
        assert connection.response("OPTIONS").status in (200, 204)


@pytest.mark.parametrize("path", ["/", "/healthz", "/nothing", CSS, "/api/todos"])
def test_every_answer_has_a_date_and_safe_defaults(server, path):
    before = time.time()
    answer = fetch(server, "GET", path)
    date = email.utils.parsedate_to_datetime(answer.get("date")).timestamp()
    assert before - 10 < date < time.time() + 10 and answer.get("date").endswith(" GMT")
    assert answer.get("x-content-type-options") == "nosniff", answer
    assert answer.get("referrer-policy") == "same-origin", answer


def test_pages_have_a_strict_content_security_policy(server):
    answer = fetch(server, "GET", "/")
    assert answer.status == 200 and answer.get("content-type", "").lower() == "text/html; charset=utf-8"
    policy = {part.split()[0]: part.split()[1:] for part in
              answer.get("content-security-policy").split(";") if part.strip()}
    script = policy.get("script-src", policy.get("default-src"))
    assert script and "'unsafe-inline'" not in script and "'unsafe-eval'" not in script, policy
    assert "*" not in script and "'unsafe-inline'" not in policy.get("style-src", []), policy
    html = answer.body.decode()
    assert not re.search(r"<[^>]*\son[a-z]+\s*=", html), "an inline handler"
    inline = re.findall(r"<script(?![^>]*\ssrc=)([^>]*)>([^<]*)", html)
    assert [kind for kind, _ in inline] == [' type="importmap"'], "an inline script"
    digest = base64.b64encode(hashlib.sha256(inline[0][1].encode()).digest()).decode()
    assert script == ["'self'", f"'sha256-{digest}'"], "nothing inline but this very import map"
    assert not re.search(r"<[^>]*\sstyle\s*=", html), "an inline style"


# --- files ---------------------------------------------------------------------------------------

def test_a_file_has_type_tag_and_length(server):
    answer = fetch(server, "GET", CSS)
    assert answer.status == 200 and answer.body
    assert answer.get("content-type", "").startswith("text/css")
    assert re.fullmatch(r'(W/)?"[^"]+"', answer.get("etag")), answer
    assert int(answer.get("content-length")) == len(answer.body)
    assert answer.get("cache-control"), answer
    assert fetch(server, "GET", "/static/js/app.js").get("content-type", "").split(";")[0] in (
        "text/javascript", "application/javascript")


def test_if_none_match_is_304_without_a_body(server):
    tag = fetch(server, "GET", CSS).get("etag")
    with Connection(server) as connection:
        for value in (tag, f'"x", {tag}', "*", tag if tag.startswith("W/") else "W/" + tag):
            answer = connection.request("GET", CSS, [("If-None-Match", value)])
            assert answer.status == 304 and answer.get("etag") == tag, (value, answer)
        assert connection.request("GET", CSS, [("If-None-Match", '"other"')]).status == 200
        assert connection.request("GET", CSS, [("If-Match", '"other"')]).status in (200, 412)


def test_ranges(server):
    whole = fetch(server, "GET", CSS)
    body, size = whole.body, len(whole.body)
    assert whole.get("accept-ranges") == "bytes"
    for value, begin, end in (("0-0", 0, 1), ("0-9", 0, 10), ("5-", 5, size), ("-7", size - 7, size),
                              (f"{size - 1}-", size - 1, size), (f"0-{size * 2}", 0, size),
                              (f"-{size * 2}", 0, size)):
        answer = fetch(server, "GET", CSS, [("Range", f"bytes={value}")])
        assert answer.status == 206, (value, answer)
        assert answer.body == body[begin:end], value
        assert answer.get("content-range") == f"bytes {begin}-{end - 1}/{size}"
    for value in (f"{size}-", "-0", "999999999999999999999999-"):
        answer = fetch(server, "GET", CSS, [("Range", f"bytes={value}")])
        assert answer.status == 416 and answer.get("content-range") == f"bytes */{size}", (value, answer)
    for value in ("bytes=5-2", "bytes=a-b", "items=0-1", "bytes=", "bytes"):
        answer = fetch(server, "GET", CSS, [("Range", value)])
        assert answer.status in (200, 416) and (answer.status == 416 or answer.body == body), value
    many = fetch(server, "GET", CSS, [("Range", "bytes=0-1,4-5")])
    assert many.status in (200, 206)


def test_if_range(server):
    tag = fetch(server, "GET", CSS).get("etag")
    stale = fetch(server, "GET", CSS, [("Range", "bytes=0-1"), ("If-Range", '"other"')])
    assert stale.status == 200
    if not tag.startswith("W/"):
        fresh = fetch(server, "GET", CSS, [("Range", "bytes=0-1"), ("If-Range", tag)])
        assert fresh.status == 206 and len(fresh.body) == 2


@pytest.mark.parametrize("path", [CSS, "/static/js/app.js", "/sw.js"])
def test_brotli_where_it_is_accepted(server, path):
    plain = fetch(server, "GET", path)
    zipped = fetch(server, "GET", path, [("Accept-Encoding", "gzip")])
    packed = fetch(server, "GET", path, [("Accept-Encoding", "gzip, deflate, br, zstd")])
    assert packed.get("content-encoding") == "br" and len(packed.body) < len(zipped.body)
    unpacked = subprocess.run(
        ["brotli", "--decompress", "--stdout"], input=packed.body, capture_output=True, check=True)
    assert unpacked.stdout == plain.body
    tags = [answer.get("etag") for answer in (plain, zipped, packed)]
    assert len(set(tags)) == 3 and not any(tag.startswith("W/") for tag in tags), tags
    assert packed.get("vary") == "Accept-Encoding"
    for name in ("x-content-type-options", "referrer-policy", "cross-origin-resource-policy",
                 "cache-control", "content-type", "accept-ranges"):
        assert packed.get(name) == plain.get(name) and plain.get(name), name
    with Connection(server) as connection:
        again = connection.request(
            "GET", path, [("Accept-Encoding", "br"), ("If-None-Match", packed.get("etag"))])
        assert again.status == 304 and again.get("etag") == packed.get("etag"), again
        assert again.get("content-encoding") is None and not again.body
        head = connection.request("HEAD", path, [("Accept-Encoding", "br")])
        assert head.status == 200 and head.get("content-length") == str(len(packed.body))
        part = connection.request("GET", path, [("Accept-Encoding", "br"), ("Range", "bytes=0-9")])
        assert part.status == 206 and part.body == plain.body[:10]


def test_gzip_where_it_is_accepted(server):
    plain = fetch(server, "GET", CSS)
    packed = fetch(server, "GET", CSS, [("Accept-Encoding", "br;q=0.1, gzip;q=0.5")])
    assert packed.get("content-encoding") == "gzip" and len(packed.body) < len(plain.body)
    assert gzip.decompress(packed.body) == plain.body
    for answer in (plain, packed):
        assert "accept-encoding" in answer.get("vary", "").lower(), answer
    assert packed.get("etag") != plain.get("etag") or plain.get("etag").startswith("W/")
    for value in ("gzip;q=0", "identity", "", "gzip;q=0, *;q=0"):
        answer = fetch(server, "GET", CSS, [("Accept-Encoding", value)])
        assert answer.get("content-encoding") is None and answer.status == 200, (value, answer)
    page = fetch(server, "GET", "/", [("Accept-Encoding", "gzip")])
    assert page.get("content-encoding") == "gzip" and b"todo-form" in gzip.decompress(page.body)


@pytest.mark.parametrize("path", [
    "/static/../views/pages/home.html", "/static/%2e%2e/views/pages/home.html", "/static/..%2fviews",
    "/static/%2e%2e%2f%2e%2e%2fetc/passwd", "/static/css/app.css%00.html", "/static/", "/static",
    "/static/css", "/static//etc/passwd", "/static/css/app.css/", "/static/%5c..%5c", "/../etc/passwd",
])
def test_nothing_outside_the_static_folder_is_served(server, path):
    answer = fetch(server, "GET", path)
    assert answer.status in (301, 308, 400, 403, 404), answer
    assert b"root:" not in answer.body and b"{{" not in answer.body


# --- strangers -----------------------------------------------------------------------------------

def test_slow_and_silent_peers_do_not_hold_the_others_up(server):
    idle = [Connection(server) for _ in range(100)]
    for index, connection in enumerate(idle):
        connection.send(b"POST /_sync/push HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n"[:index])
    # If one of them held a worker, it would do so until its deadline; a hundred of them, for ever.
    for _ in range(20):
        assert fetch(server, "GET", "/healthz").status == 200
    for connection in idle:
        connection.close()


def test_noise_ends_no_server(server):
    rng = random.Random(7)
    seeds = [encode("POST", "/_sync/push", "h", JSON, b'{"scope":"s","mutations":[]}'),
             CHUNKED + b"2\r\n{}\r\n0\r\n\r\n", GET + HOST + b"\r\n"]
    for turn in range(300):
        data = bytearray(rng.choice(seeds) if turn % 3 else rng.randbytes(rng.randint(1, 400)))
        for _ in range(rng.randint(0, 6)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        with Connection(server) as connection:
            try:
                connection.send(bytes(data))
            except Closed:
                pass
    assert fetch(server, "GET", "/healthz").status == 200


def test_a_loud_peer_that_never_reads_is_bounded(server):
    request = encode("GET", CSS, server.authority)
    with Connection(server, timeout=0.5) as connection:
        sent = 0
        try:
            while sent < 64 << 20:
                connection.send(request * 100)
                sent += len(request) * 100
        except (TimeoutError, Closed):
            pass
        assert sent < 64 << 20, "the server went on reading for ever"
        assert fetch(server, "GET", "/healthz").status == 200
