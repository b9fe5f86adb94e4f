"""protocol.md, "Conventions": what is refused before a mutation is looked at, and how."""

import json

import pytest

from sync import create, new_id, new_scope, pull, pull_all, push, push_one, snapshot
from wire import JSON, Connection, dump, fetch, post

pytestmark = pytest.mark.stores("sqlite", soak=("memory", "postgres"))
PUSH, PULL, SNAPSHOT = "/_sync/push", "/_sync/pull", "/_sync/snapshot"
ALL = (PUSH, PULL, SNAPSHOT)


def assert_refusal(answer, status, code):
    assert answer.status == status, answer
    body = answer.json
    assert body["code"] == code, answer
    assert isinstance(body["error"], str) and body["error"], answer
    assert answer.get("content-type", "").split(";")[0] == "application/json", answer
    assert answer.get("cache-control") == "no-store", answer


def one(**changes):
    """A push of one good mutation, with fields replaced; None removes a field."""
    value = {"id": new_id(), "name": "todo.create", "args": {"id": new_id(), "title": "x"}}
    value.update(changes)
    return {"mutations": [{k: v for k, v in value.items() if v is not None}]}


NOT_JSON = {
    "empty": b"", "white space": b"  ", "cut short": b'{"scope":"s"', "not JSON": b"hello",
    "an array": b"[]", "a string": b'"x"', "null": b"null", "trailing bytes": b"{} x",
    "a second value": b"{}{}", "a trailing comma": b'{"scope":"s",}', "a comment": b"{/**/}",
    "single quotes": b"{'scope':'s'}", "bad UTF-8": b'{"scope":"\xff"}',
    "overlong UTF-8": b'{"scope":"\xc0\xaf"}', "a surrogate in UTF-8": b'{"scope":"\xed\xa0\x80"}',
    "a raw control character": b'{"scope":"a\x01b"}', "a raw newline": b'{"scope":"a\nb"}',
    "a bad escape": b'{"scope":"\\q"}', "a lone surrogate": b'{"scope":"\\ud800"}',
    "a NUL after the value": b"{}\x00", "nesting of 65": b'{"x":' + b"[" * 64 + b"]" * 64 + b"}",
    "nesting of 100,000": b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "objects nested 100,000 deep": b'{"x":' * 100_000 + b"1" + b"}" * 100_000,
    "unclosed arrays": b'{"x":' + b"[" * 500_000,
    "a number with a leading zero": b'{"x":01}', "a bare minus": b'{"x":-}',
    "NaN": b'{"x":NaN}', "a name without quotes": b"{scope:1}",
}


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("name", NOT_JSON)
def test_what_is_not_a_json_object_is_invalid_request(server, path, name):
    assert_refusal(post(server, path, NOT_JSON[name]), 400, "invalid_request")


@pytest.mark.parametrize("path,body", [
    (PUSH, b'{"scope":"s","scope":"s","mutations":[]}'),
    (PUSH, b'{"scope":"s","mutations":[],"mutations":[]}'),
    (PUSH, b'{"scope":"s","\\u0073cope":"s","mutations":[]}'),
    (PUSH, b'{"scope":"s","mutations":[{"id":"a","id":"b","name":"todo.create","args":{}}]}'),
    (PUSH, b'{"scope":"s","client":"a","client":"a","mutations":[]}'),
    (PULL, b'{"scope":"s","cursor":0,"cursor":0}'),
    (PULL, b'{"scope":"s","cursor":0,"limit":1,"limit":1}'),
    (SNAPSHOT, b'{"scope":"s","scope":"s"}'),
])
def test_a_protocol_key_given_twice_is_invalid_request(server, path, body):
    assert_refusal(post(server, path, body), 400, "invalid_request")


LONG = "x" * 129
BAD_NAMES = {
    "empty": "", "129 bytes": LONG, "129 bytes of UTF-8": "é" * 64 + "x", "a tab": "a\tb",
    "a NUL": "a\x00b", "a unit separator": "a\x1fb", "a delete": "a\x7fb", "a number": 5,
    "an object": {}, "true": True,
}
GOOD_NAMES = {
    "one byte": "x", "128 bytes": "x" * 128, "128 bytes of UTF-8": "é" * 64, "emoji": "🦊🚀",
    "a space": " ", "colons": "a:b::c", "slashes": "../a/b", "quotes": '"\\"', "C1 control": "\x85",
    "a noncharacter": "\uffff", "composed": "\u00e9", "decomposed": "e\u0301", "HTML": "<b>&amp;",
}


@pytest.mark.parametrize("name", BAD_NAMES)
@pytest.mark.parametrize("path", ALL)
def test_a_scope_that_is_no_name_is_invalid_request(server, path, name):
    body = {"scope": BAD_NAMES[name], "mutations": one()["mutations"], "cursor": 0}
    assert_refusal(post(server, path, body), 400, "invalid_request")


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_mutation_whose_id_is_no_name_is_invalid_request(server, name):
    body = {"scope": new_scope(), **one(id=BAD_NAMES[name])}
    assert_refusal(post(server, PUSH, body), 400, "invalid_request")


@pytest.mark.parametrize("name", [*BAD_NAMES, "missing"])
def test_a_mutation_whose_name_is_no_name_is_answered_in_its_place(server, name):
    """It can be answered by its id, so it must not block the queue that it stands in."""
    scope, bad = new_scope(), one(name=BAD_NAMES.get(name))["mutations"][0]
    answer = post(server, PUSH, {"scope": scope, "mutations": [create(), bad, create()]})
    assert answer.status == 200, answer
    first, refused, last = answer.json["results"]
    assert (first["cursor"], last["cursor"]) == (1, 2)
    assert refused["ok"] is False and refused["code"] == "invalid_mutation", refused


@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_client_that_is_no_name_is_invalid_request(server, name):
    body = {"scope": new_scope(), "client": BAD_NAMES[name], **one()}
    assert_refusal(post(server, PUSH, body), 400, "invalid_request")


@pytest.mark.parametrize("name", GOOD_NAMES)
def test_any_other_string_is_a_name(server, name):
    value, scope = GOOD_NAMES[name], new_scope()
    named = value if len(value.encode()) > 100 else scope + value
    result = push_one(server, named, create(value, _id=value), client=value)
    assert result["ok"], result
    changes, _, _ = pull_all(server, named)
    assert [(c["id"], c["mutation"], c["scope"]) for c in changes] == [(value, value, named)]


def test_names_are_compared_byte_for_byte(server):
    scope = new_scope()
    for value in ("\u00e9", "e\u0301", "E\u0301", "\u212b", "\u00c5"):
        result = push_one(server, scope, create(value, _id=value))
        assert result["ok"] and not result.get("duplicate"), (value, result)


def test_names_are_compared_after_unescaping(server):
    scope = new_scope()
    template = b'{"scope":%s,"mutations":[{"id":%s,"name":"todo.create","args":{"id":"r","title":"t"}}]}'
    plain = template % (dump(scope), b'"ab"')
    escaped = template % (dump(scope), b'"\\u0061b"')
    assert post(server, PUSH, plain).json["results"][0]["ok"]
    again = post(server, PUSH, escaped).json["results"][0]
    assert again["id"] == "ab" and again["ok"] and again["duplicate"], again


def test_a_mutation_without_an_id_is_invalid_request(server):
    assert_refusal(post(server, PUSH, {"scope": new_scope(), **one(id=None)}), 400,
                   "invalid_request")


@pytest.mark.parametrize("mutations", [None, {}, "x", 5, [5], ["x"], [None], [[]]], ids=str)
def test_mutations_that_are_no_array_of_objects_are_invalid_request(server, mutations):
    body = {"scope": new_scope()}
    if mutations is not None:
        body["mutations"] = mutations
    assert_refusal(post(server, PUSH, body), 400, "invalid_request")


def test_one_bad_envelope_stores_nothing_of_its_push(server):
    scope = new_scope()
    body = {"scope": scope, "mutations": [create(), {"name": "todo.create", "args": {}}]}
    assert_refusal(post(server, PUSH, body), 400, "invalid_request")
    assert pull_all(server, scope)[0] == []


@pytest.mark.parametrize("field", ["scope", "client"])
def test_one_push_is_of_one_scope_and_one_client(server, field):
    mutations = [{**create(), field: new_scope()}, {**create(), field: new_scope()}]
    assert_refusal(post(server, PUSH, {"mutations": mutations}), 400, "invalid_request")
    outer = {field: new_scope(), "mutations": [mutations[0]]}
    assert_refusal(post(server, PUSH, outer), 400, "invalid_request")


def test_scope_and_client_may_stand_in_each_mutation(server):
    scope, client = new_scope(), new_id()
    mutations = [{**create(), "scope": scope, "client": client} for _ in range(2)]
    results = post(server, PUSH, {"mutations": mutations}).json["results"]
    assert [r["cursor"] for r in results] == [1, 2]
    assert len(pull_all(server, scope)[0]) == 2


def test_a_missing_scope_is_default(server):
    record = new_id()
    one_result = post(server, PUSH, {"mutations": [create(record)]}).json["results"][0]
    assert one_result["ok"] and one_result["changes"][0]["scope"] == "_default"
    page = pull(server, "_default", one_result["cursor"] - 1,
                one_result["epoch"] if one_result["cursor"] > 1 else None).json
    assert page["changes"][0]["id"] == record
    assert record in [r["id"] for r in post(server, SNAPSHOT, {"limit": 1000}).json["records"]]


@pytest.mark.parametrize("number", [
    b"-1", b"-0", b"1.0", b"0.5", b"1e2", b"1E0", b'"1"', b"true", b"[]", b"9007199254740992",
    b"18446744073709551616", b"1" + b"0" * 400,
])
@pytest.mark.parametrize("field,path", [("cursor", PULL), ("limit", PULL), ("limit", SNAPSHOT)])
def test_a_number_that_is_not_whole_from_0_to_2_53_is_invalid_request(server, path, field, number):
    body = b'{"scope":"s","epoch":"e","%s":%s}' % (field.encode(), number)
    assert_refusal(post(server, path, body), 400, "invalid_request")


@pytest.mark.parametrize("path", [PULL, SNAPSHOT])
def test_a_limit_of_zero_is_invalid_request(server, path):
    assert_refusal(post(server, path, {"scope": "s", "cursor": 0, "limit": 0}), 400,
                   "invalid_request")


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("version", [0, 2, 99])
def test_another_version_is_version_unsupported(server, path, version):
    body = {"v": version, "scope": new_scope(), "cursor": 0, **one()}
    assert_refusal(post(server, path, body), 400, "version_unsupported")


@pytest.mark.parametrize("path", ALL)
def test_version_1_and_unknown_fields_are_fine(server, path):
    body = {"v": 1, "scope": new_scope(), "cursor": 0, "future": {"a": [1, None]}, "limits": -1.5}
    body.update(one(later="x"))
    assert post(server, path, body).status == 200


@pytest.mark.parametrize("path", ALL)
def test_a_body_over_1_mib_is_too_large(server, path):
    body = b'{"scope":"s","x":"' + b"y" * (1 << 20) + b'"}'
    assert_refusal(post(server, path, body), 413, "too_large")


def test_a_chunked_body_over_1_mib_is_too_large(server):
    with Connection(server) as connection:
        head = f"POST {PULL} HTTP/1.1\r\nHost: {server.authority}\r\n".encode()
        head += b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        connection.send(head + chunk * 17)
        assert_refusal(connection.response("POST"), 413, "too_large")


def test_a_body_of_exactly_1_mib_is_read(server):
    body = dump({"scope": new_scope(), "cursor": 0})
    assert post(server, PULL, body + b" " * ((1 << 20) - len(body))).status == 200
    assert_refusal(post(server, PULL, body + b" " * ((1 << 20) - len(body) + 1)), 413, "too_large")


def test_100_mutations_pass_and_101_are_too_large(server):
    scope = new_scope()
    assert_refusal(post(server, PUSH, {"scope": scope, "mutations": [create() for _ in range(101)]}),
                   413, "too_large")
    assert pull_all(server, scope)[0] == []
    results = push(server, scope, *[create() for _ in range(100)])
    assert [r["cursor"] for r in results] == list(range(1, 101))


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("media", [
    "text/plain", "application/jsonx", "application/json-patch+json", "application/x-json",
    "text/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "json", "",
    "text/plain; application/json", None,
])
def test_a_body_that_is_not_json_by_its_type_is_unsupported_media_type(server, path, media):
    headers = [] if media is None else [("Content-Type", media)]
    answer = post(server, path, {"scope": "s", "cursor": 0, "mutations": []}, headers)
    assert_refusal(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("media", [
    "application/json; charset=utf-8", "application/json;charset=UTF-8", "APPLICATION/JSON",
    "application/json ; x=y",
])
def test_parameters_and_case_of_the_media_type_are_set_aside(server, media):
    assert post(server, PULL, {"scope": new_scope(), "cursor": 0},
                [("Content-Type", media)]).status == 200


def foreign_origins(server):
    return ["http://evil.example", "null", f"http://{server.host}:1", f"http://{server.host}",
            f"http://{server.authority}.evil.example", f"http://evil.example:{server.port}",
            f"http://evil@{server.authority}", f"{server.authority}", "http://", "*",
            f"http://{server.authority}/", f"http://{server.authority} http://evil.example"]


@pytest.mark.parametrize("index", range(12))
@pytest.mark.parametrize("path", ALL)
def test_a_foreign_origin_is_origin_denied_before_the_body_is_read(server, path, index):
    origin = foreign_origins(server)[index]
    with Connection(server) as connection:
        head = f"POST {path} HTTP/1.1\r\nHost: {server.authority}\r\nOrigin: {origin}\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 50\r\n\r\n"
        connection.send(head.encode())
        assert_refusal(connection.response("POST"), 403, "origin_denied")


@pytest.mark.parametrize("method,path,headers,body", [
    ("POST", "/todos", [("Content-Type", "application/x-www-form-urlencoded")], b"title=x"),
    ("GET", "/ws", [("Upgrade", "websocket"), ("Connection", "Upgrade"),
                    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
                    ("Sec-WebSocket-Version", "13")], None),
    ("POST", "/api/todos", JSON, b'{"title":"x"}'),
    ("GET", "/api/todos", [], None),
])
def test_a_foreign_origin_is_refused_on_forms_ws_and_api_alike(server, method, path, headers, body):
    for origin in ("http://evil.example", "null"):
        answer = fetch(server, method, path, [*headers, ("Origin", origin)], body)
        assert answer.status == 403 and answer.code == "origin_denied", answer


def test_the_servers_own_origin_passes_and_no_cors_header_is_sent(server):
    own = [("Origin", f"http://{server.authority}")]
    body = {"scope": new_scope(), "cursor": 0}
    for headers in (own, []):
        answer = post(server, PULL, body, [*JSON, *headers])
        assert answer.status == 200, answer
        assert not [name for name, _ in answer.headers if name.startswith("access-control")]
    preflight = fetch(server, "OPTIONS", PULL, [("Origin", "http://evil.example"),
                                                ("Access-Control-Request-Method", "POST")])
    assert not [name for name, _ in preflight.headers if name.startswith("access-control")]


def test_two_origins_are_not_one_of_the_servers_own(server):
    own = ("Origin", f"http://{server.authority}")
    for origins in ([own, ("Origin", "http://evil.example")], [("Origin", "http://evil.example"), own]):
        answer = post(server, PULL, {"scope": "s", "cursor": 0}, [*JSON, *origins])
        assert answer.status in (400, 403), answer


@pytest.mark.parametrize("path", ALL)
def test_other_methods_are_405_with_allow_and_no_store(server, path):
    for method in ("GET", "PUT", "DELETE"):
        answer = fetch(server, method, path)
        assert answer.status == 405, answer
        assert "POST" in answer.get("allow", ""), answer
        assert answer.get("cache-control") == "no-store", answer


def test_good_answers_are_json_with_no_store(server):
    scope = new_scope()
    for path, body in ((PUSH, {"scope": scope, "mutations": [create()]}),
                       (PULL, {"scope": scope, "cursor": 0}), (SNAPSHOT, {"scope": scope})):
        answer = post(server, path, body)
        assert answer.status == 200, answer
        assert answer.get("cache-control") == "no-store", answer
        assert answer.get("content-type", "").split(";")[0] == "application/json", answer
        json.loads(answer.body.decode("utf-8", "strict"))


def test_an_unknown_path_under_sync_is_404_with_no_store(server):
    answer = post(server, "/_sync/nothing", {})
    assert answer.status == 404 and answer.get("cache-control") == "no-store", answer


def test_reading_creates_no_scope(server):
    scope = new_scope()
    first = pull(server, scope).json
    assert (first["changes"], first["next_cursor"], first["has_more"]) == ([], 0, False)
    assert isinstance(first["epoch"], str) and first["epoch"]
    empty = snapshot(server, scope).json
    assert (empty["records"], empty["cursor"], empty["count"]) == ([], 0, 0)
    assert empty["has_more"] is False and empty["epoch"]
