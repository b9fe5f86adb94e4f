"""A server of a few people with scopes of their own, as small as the protocol allows: sessions by a
cookie, grants in a scope's log, each person's list of scopes, revocation. In Python and without a
socket, so that a test of the client can stop it, count what it was asked, and change who may what
between two requests. It serves one bare page, and the client's modules as they lie in Assets/Client.
"""

import base64
import hashlib
import json
import threading
import time
from http import HTTPStatus
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

CLIENT = Path(__file__).resolve().parents[2] / "Assets/Client"
PAGE = """<!doctype html><title>People</title><link rel="icon" href="data:,">
<script type="importmap">{"imports":{"mizu":"/mizu/mizu.js","mizu/":"/mizu/"}}</script>
<script type="module" src="/page.js"></script>"""
# What a page does: it asks who is signed in, and opens a hub for them. Tests call `start`.
SCRIPT = """
import { SyncHub, whoAmI } from "mizu";
window.told = [];
const appliers = {
  "note.write": (store, { id, text }, { time, user, role }) =>
    store.put("note", id, { text, by: user, role, time }),
  "note.throw": () => { throw new Error("a fault of the app"); },
};
window.start = async (options = {}) => {
  const who = await whoAmI();
  const heard = (name) => (one) => told.push([name, one]);
  window.hub = new SyncHub({
    user: who.user ?? "", live: false, appliers, ...options,
    onScopes: heard("scopes"), onScopeLost: heard("lost"), onSetAside: heard("aside"),
    onUserChanged: heard("user"), onError: ({ kind, mutation, differences }) =>
      told.push([kind, { name: mutation.name, differences }]),
  });
  await hub.ready;
  return who;
};
window.texts = (scope) => hub.clients.find((one) => one.scope === scope)
  ?.all("note").map(({ text }) => text).sort() ?? null;
window.isReady = true;
"""


class Refused(Exception):
    def __init__(self, status: int, code: str):
        super().__init__(code)
        self.status, self.code = status, code


class Scope:
    """Records and their log."""

    def __init__(self, name: str):
        self.name, self.log, self.records, self.outcomes = name, [], {}, {}

    def write(self, entity: str, id: str, data: dict | None, mutation: str = "server") -> None:
        op = "delete" if data is None else "update" if (entity, id) in self.records else "create"
        change = {"cursor": len(self.log) + 1, "scope": self.name, "entity": entity, "id": id,
                  "op": op, "mutation": mutation, "time": "2026-01-01T00:00:00.000Z"}
        if data is None:
            self.records.pop((entity, id), None)
        else:
            change["data"] = data
            self.records[entity, id] = {"entity": entity, "id": id, "data": data,
                                        "version": change["cursor"]}
        self.log.append(change)

    @property
    def position(self) -> dict:
        return {"cursor": len(self.log), "epoch": "e"}


class PeopleServer:
    def __init__(self):
        self.scopes: dict[str, Scope] = {}
        self.asked: list[tuple[str, str, dict]] = []  # path, user, body
        self.is_down = False
        self.session_may_end = False
        self.flying = self.flying_most = 0
        self.delay_seconds = 0.0
        self._lock = threading.Lock()
        people = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                people._get(self)

            def do_POST(self):
                people._post(self)

            def log_message(self, *_):
                pass

        self._listener = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._listener.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._listener.server_port}/"
        threading.Thread(target=self._listener.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown()
        self._listener.server_close()

    # What a test does

    def scope(self, name: str) -> Scope:
        return self.scopes.setdefault(name, Scope(name))

    def grant(self, scope: str, user: str, role: str) -> None:
        with self._lock:
            self.scope(scope).write("mizu.grant", user, {"role": role})
            self.scope(f"user:{user}").write("mizu.scope", scope, {"role": role})

    def revoke(self, scope: str, user: str, is_listed: bool = False) -> None:
        """Takes the right; `is_listed` leaves the user's own list as it was, as a slow one would be."""
        with self._lock:
            self.scope(scope).write("mizu.grant", user, None)
            if not is_listed:
                self.scope(f"user:{user}").write("mizu.scope", scope, None)

    def texts(self, scope: str) -> list[str]:
        return sorted(one["data"]["text"] for (entity, _), one in self.scope(scope).records.items()
                      if entity == "note")

    def authors(self, scope: str) -> set[str]:
        """Who has written there. A browser may repeat a request by itself, with the cookie it had."""
        return {one["data"]["by"] for (entity, _), one in self.scope(scope).records.items()
                if entity == "note"}

    def pushed(self, scope: str) -> list[dict]:
        return [one for path, _, body in self.asked if path == "/_sync/push" and body["scope"] == scope
                for one in body["mutations"]]

    # What it answers

    def _get(self, handler) -> None:
        path = handler.path.split("?")[0]
        if self.is_down:
            return self._hang_up(handler)
        if path == "/_sync/session":
            user = self._user(handler)
            found = {"user": user, "name": user.title(), "device_keys": [device_key(user)]} if user \
                else {"user": None}
            return self._send(handler, 200, json.dumps(found))
        if path == "/":
            return self._send(handler, 200, PAGE, "text/html")
        if path == "/page.js":
            return self._send(handler, 200, SCRIPT, "text/javascript")
        file = CLIENT / path.removeprefix("/mizu/")
        if path.startswith("/mizu/") and file.parent == CLIENT and file.is_file():
            return self._send(handler, 200, file.read_text(), "text/javascript")
        return self._send(handler, 404, "")

    def _post(self, handler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        if self.is_down:
            return self._hang_up(handler)
        with self._lock:
            self.flying += 1
            self.flying_most = max(self.flying_most, self.flying)
        if self.delay_seconds:
            time.sleep(self.delay_seconds)
        try:
            with self._lock:
                self.flying -= 1
                user = self._user(handler)
                self.asked.append((handler.path, user, body))
                answer = self._answer(handler.path, user, body)
            self._send(handler, 200, json.dumps(answer))
        except Refused as refused:
            error = {"code": refused.code, "error": f"a test says {refused.code}"}
            self._send(handler, refused.status, json.dumps(error))

    def _answer(self, path: str, user: str | None, body: dict) -> dict:
        if user is None:
            raise Refused(401, "unauthenticated")
        scope = self.scope(body["scope"])
        role = self._role(user, scope)
        if path == "/_sync/push":
            if body.get("user", user) != user:
                raise Refused(403, "wrong_user")
            if role not in ("owner", "editor"):
                raise Refused(403, "scope_denied")
            return {"results": [self._apply(scope, user, one) for one in body["mutations"]]}
        if role is None:
            raise Refused(403, "scope_denied")
        if path == "/_sync/pull":
            return {"changes": scope.log[body["cursor"]:], "has_more": False,
                    "next_cursor": len(scope.log), "epoch": "e"}
        return {"records": list(scope.records.values()), **scope.position, "has_more": False}

    def _role(self, user: str, scope: Scope) -> str | None:
        if scope.name.startswith("user:"):
            return "owner" if scope.name == f"user:{user}" else None
        found = scope.records.get(("mizu.grant", user))
        is_new = not any(entity == "mizu.grant" for entity, _ in scope.records)
        return found["data"]["role"] if found else "owner" if is_new and not scope.log else None

    def _apply(self, scope: Scope, user: str, one: dict) -> dict:
        if one["id"] in scope.outcomes:
            return {**scope.outcomes[one["id"]], "duplicate": True}
        if one["name"] != "note.write":
            return {"id": one["id"], "ok": False, "code": "unknown_mutation", "error": "unknown"}
        if not scope.log:
            scope.write("mizu.grant", user, {"role": "owner"}, one["id"])
            self.scope(f"user:{user}").write("mizu.scope", scope.name, {"role": "owner"})
        text = one["args"]["text"]
        scope.write("note", one["args"]["id"], {"text": text, "by": user}, one["id"])
        scope.outcomes[one["id"]] = {"id": one["id"], "ok": True, **scope.position}
        return scope.outcomes[one["id"]]

    def _user(self, handler) -> str | None:
        cookie = SimpleCookie(handler.headers.get("Cookie", "")).get("user")
        return cookie.value if cookie else None

    def _send(self, handler, status: int, text: str, kind: str = "application/json") -> None:
        data = text.encode()
        handler.send_response(HTTPStatus(status))
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(data)))
        handler.send_header("Cache-Control", "no-store")
        handler.end_headers()
        handler.wfile.write(data)

    def _hang_up(self, handler) -> None:
        """Answers as an edge without a server does: a closed connection would be tried twice."""
        self._send(handler, 502, "<h1>Bad gateway</h1>", "text/html")


def device_key(user: str) -> str:
    digest = hashlib.sha256(b"a secret of the server" + user.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
