"""A server that answers what a test tells it to, in front of the real one, for one page.

Requests to /_sync/ pass through `Faults`; each rule is used once, in order, for the path it names.
Everything that was sent is written down, so that a test can say what a client must not do.
"""

import json
from collections import deque
from dataclasses import dataclass, field
from typing import Callable

from playwright.sync_api import Page, Route


@dataclass
class Sent:
    path: str
    body: dict


class Held:
    """A request that goes on (or is answered, by `act`) only when the test says so."""

    def __init__(self, act: Callable[[Route], None] = lambda route: route.continue_()) -> None:
        self._act = act
        self._route: Route | None = None
        self._is_released = False

    def take(self, route: Route) -> None:
        if self._is_released:
            self._act(route)
        else:
            self._route = route

    def wait(self, page: Page) -> None:
        """Waits until the request is here."""
        for _ in range(6000):
            if self._route:
                return
            page.wait_for_timeout(10)
        raise AssertionError("the request did not come")

    def release(self) -> None:
        self._is_released = True
        if self._route:
            self._act(self._route)


@dataclass
class Faults:
    sent: list[Sent] = field(default_factory=list)
    _rules: dict[str, deque] = field(default_factory=dict)

    def over(self, page: Page) -> "Faults":
        page.route("**/_sync/*", self._handle)
        return self

    def answer(self, path: str, status: int, body: object, times: int = 1, **headers: str) -> None:
        """The next `times` requests to `path` get this in place of the server's answer."""
        text = body if isinstance(body, str) else json.dumps(body)
        kind = "text/html" if isinstance(body, str) else "application/json"
        for _ in range(times):
            self._add(path, lambda route: route.fulfill(
                status=status, body=text, content_type=kind, headers=headers or None))

    def refuse(self, path: str, status: int, code: str, times: int = 1, **headers: str) -> None:
        self.answer(path, status, {"code": code, "error": f"a test says {code}"}, times, **headers)

    def compute(self, path: str, make: Callable[[dict], dict], times: int = 1) -> None:
        """The next `times` requests are answered 200 with what `make` returns for their body."""
        for _ in range(times):
            self._add(path, lambda route: route.fulfill(
                status=200, content_type="application/json",
                body=json.dumps(make(json.loads(route.request.post_data)))))

    def hold(self, path: str) -> Held:
        """The next request to `path` waits until it is released: a state lasts that long."""
        held = Held()
        self._add(path, held.take)
        return held

    def hold_answer(self, path: str, body: dict) -> Held:
        """The next request to `path` is answered with `body`, once that is released."""
        held = Held(lambda route: route.fulfill(
            status=200, body=json.dumps(body), content_type="application/json"))
        self._add(path, held.take)
        return held

    def lose_answer(self, path: str) -> None:
        """The server does what it is asked, and its answer never arrives."""
        def lose(route: Route) -> None:
            route.fetch()
            route.abort("connectionreset")
        self._add(path, lose)

    def bodies(self, path: str) -> list[dict]:
        return [one.body for one in self.sent if one.path == path]

    def paths(self) -> list[str]:
        return [one.path for one in self.sent]

    def is_used_up(self) -> bool:
        return not any(self._rules.values())

    def _add(self, path: str, act: Callable[[Route], None]) -> None:
        self._rules.setdefault(path, deque()).append(act)

    def _handle(self, route: Route) -> None:
        path = "/_sync/" + route.request.url.rsplit("/", 1)[1]
        self.sent.append(Sent(path, json.loads(route.request.post_data)))
        rules = self._rules.get(path)
        if rules:
            rules.popleft()(route)
        else:
            route.continue_()
