"""Judges what many clients of several nodes were told, against the log that there is at the end: is
something lost, doubled, out of order, gapped, rewritten, or not seen later although an answer had shown
it (protocol.md, "One truth")?

A `History` is filled while clients run, from any thread; `check` looks at it afterwards. Nothing here
opens a socket or knows a store. Times are of one monotonic clock: when a request was sent, and when its
answer had come whole. Only what had come before a request was sent binds that request's answer; two that
overlap may see either order.

Each fault has a kind:

    lost        acknowledged, and not in the log as it was told; or a log that ends before what was told
    doubled     a mutation in two places of a log
    disorder    the mutations of one queue stand in another order than they were pushed
    gap         an answer or a delta that leaves out a cursor or has one twice
    rewritten   two answers say different things of one cursor
    unseen      an answer that shows less than an earlier answer had shown
    refused     a position that was told is none any more (410), or what was refused is in the log
    untrue      a snapshot that is not what its log says, or ends with more or fewer records
    left        a client that did not come to the log's end
"""

import bisect
import json
import threading
from collections import defaultdict
from typing import NamedTuple


class Fault(NamedTuple):
    kind: str
    scope: str
    words: str


class Shown(NamedTuple):
    """What one answer or message says of a scope. `sent` is None for what came unasked."""

    scope: str
    sent: float | None
    came: float
    who: str
    cursor: int
    epoch: str
    # Whether the answer claims to know the scope's end: an earlier answer must not have shown more.
    is_head: bool


class History:
    def __init__(self):
        self._lock = threading.Lock()
        self.shown, self.pushed, self.acknowledged = [], defaultdict(list), []
        self.changes, self.snapshots, self.faults, self.ends = [], [], [], []

    # --- what clients tell ------------------------------------------------------------------------

    def push(self, scope, client, mutations):
        """Ids that a client puts into its queue, in the order in which it will push them."""
        with self._lock:
            self.pushed[scope, client] += list(mutations)

    def result(self, scope, who, sent, came, result):
        """One decided result of a push (not one with `retry`)."""
        with self._lock:
            self.acknowledged.append((scope, who, sent, came, result))
            if result["ok"]:
                # A duplicate tells an old position; a fresh one stands above all that was shown.
                self.shown.append(Shown(scope, sent, came, f"{who} push {result['id']}",
                                        result["cursor"], result["epoch"],
                                        not result.get("duplicate")))
                self._changes(scope, f"{who} push {result['id']}", result.get("changes") or [])

    def pull(self, scope, who, sent, came, cursor, answer):
        """The answer (200) of a pull from `cursor`."""
        who = f"{who} pull from {cursor}"
        with self._lock:
            self._gapless(scope, who, cursor, answer["next_cursor"], answer["changes"])
            self._changes(scope, who, answer["changes"])
            self.shown.append(Shown(scope, sent, came, who, answer["next_cursor"], answer["epoch"],
                                    not answer["has_more"]))

    def refusal(self, scope, who, cursor, code):
        """A 410 for a position that an answer had told, where nothing is trimmed."""
        with self._lock:
            self.faults.append(Fault("refused", scope, f"{who}: position {cursor} is {code}"))

    def snapshot(self, scope, who, sent, came, records, cursor, epoch):
        """All of a snapshot that came in one page."""
        with self._lock:
            self.shown.append(
                Shown(scope, sent, came, f"{who} snapshot", cursor, epoch, True))
            self.snapshots.append((scope, who, cursor, records))

    def position(self, scope, who, sent, came, cursor, epoch):
        """The `ack` of a subscribe; with `sent` None a poke."""
        with self._lock:
            self.shown.append(Shown(scope, sent, came, f"{who} position", cursor, epoch,
                                    sent is not None))

    def delta(self, scope, who, came, payload):
        with self._lock:
            words = f"{who} delta"
            self._gapless(scope, words, payload["base"], payload["cursor"], payload["changes"])
            self._changes(scope, words, payload["changes"])
            self.shown.append(Shown(scope, None, came, words, payload["cursor"], payload["epoch"],
                                    False))

    def end(self, scope, who, cursor):
        """Where a client stood when all was over."""
        with self._lock:
            self.ends.append((scope, who, cursor))

    def _changes(self, scope, who, changes):
        self.changes += [(scope, who, change) for change in changes]

    def _gapless(self, scope, who, base, through, changes):
        found = [change["cursor"] for change in changes]
        if found != list(range(base + 1, base + 1 + len(found))) or through != base + len(found):
            self.faults.append(Fault(
                "gap", scope, f"{who}: {found[:3]}…{found[-3:]} from {base} through {through}"))


def check(history, logs):
    """All faults. `logs` has for each scope its changes in order, read at the end from the first."""
    faults = list(history.faults)
    for scope, log in logs.items():
        faults += _log(scope, log)
    faults += _same(history, logs)
    faults += _results(history, logs)
    faults += _order(history, logs)
    faults += _one_truth(history)
    faults += _states(history, logs)
    for scope, who, cursor in history.ends:
        if cursor != len(logs.get(scope, ())):
            faults.append(Fault("left", scope, f"{who} stands at {cursor} of {len(logs[scope])}"))
    return faults


def _log(scope, log):
    """The log itself: gapless, and each mutation in one place (its changes are never parted)."""
    seen, previous = set(), None
    for index, change in enumerate(log, 1):
        if change["cursor"] != index:
            yield Fault("gap", scope, f"the log has {change['cursor']} where {index} is next")
            return
        one = change.get("mutation")
        if one is not None and one != previous and one in seen:
            yield Fault("doubled", scope, f"mutation {one} again at {index}")
        seen.add(one)
        previous = one


def _text(change):
    return json.dumps(change, sort_keys=True)


def _same(history, logs):
    """A cursor means one change and one epoch, whoever tells it."""
    told = {}
    for scope, log in logs.items():
        for change in log:
            told[scope, change["cursor"]] = _text(change), "the log at the end"
    for scope, who, change in history.changes:
        key, text = (scope, change["cursor"]), _text(change)
        first = told.setdefault(key, (text, who))
        if first[0] != text:
            yield Fault("rewritten", scope, f"{who} says {text}, {first[1]} says {first[0]}")
        elif change["cursor"] > len(logs.get(scope, ())):
            yield Fault("lost", scope, f"{who} has shown {text}, beyond the log's end")
    epochs = {}
    for shown in history.shown:
        if shown.cursor:
            first = epochs.setdefault((shown.scope, shown.cursor), shown)
            if first.epoch != shown.epoch:
                yield Fault("rewritten", shown.scope,
                            f"epoch of {shown.cursor}: {first.who} {first.epoch}, {shown.who} "
                            f"{shown.epoch}")
        if shown.cursor > len(logs.get(shown.scope, ())):
            yield Fault("lost", shown.scope,
                        f"{shown.who} was at {shown.cursor}, the log ends before")


def _results(history, logs):
    """What was acknowledged is in the log as it was told; what was refused is not."""
    places = {scope: defaultdict(list) for scope in logs}
    for scope, log in logs.items():
        for change in log:
            places[scope][change.get("mutation")].append(change)
    outcomes = {}
    for scope, who, _, _, result in history.acknowledged:
        found = places.get(scope, {}).get(result["id"], [])
        outcome = (result["ok"], result.get("code"), result.get("cursor"))
        first = outcomes.setdefault((scope, result["id"]), (outcome, who))
        if first[0] != outcome:
            yield Fault("rewritten", scope,
                        f"{who}: {result['id']} is {outcome}, {first[1]} was told {first[0]}")
        if not result["ok"]:
            if found:
                yield Fault("refused", scope, f"{who}: {result['id']} was refused and is in the log")
        elif "changes" in result and _text(result["changes"]) != _text(found):
            yield Fault("lost" if len(found) < len(result["changes"]) else "rewritten", scope,
                        f"{who} was told {_text(result['changes'])}, the log has {_text(found)}")
        elif found and found[-1]["cursor"] != result["cursor"]:
            yield Fault("rewritten", scope, f"{who}: {result['id']} told at {result['cursor']}, is at "
                        f"{found[-1]['cursor']}")


def _order(history, logs):
    """The mutations of one queue are in the log in the queue's order."""
    for (scope, client), ids in history.pushed.items():
        rank, last = {one: index for index, one in enumerate(ids)}, -1
        for change in logs.get(scope, ()):
            found = rank.get(change.get("mutation"))
            if found is not None and found < last:
                yield Fault("disorder", scope,
                            f"{client}: {change['mutation']} at {change['cursor']} behind a later one")
                break
            last = last if found is None else found


def _one_truth(history):
    """A request sent after an answer came shows at least what that answer had shown."""
    by_scope = defaultdict(list)
    for shown in history.shown:
        by_scope[shown.scope].append(shown)
    for scope, all_shown in by_scope.items():
        all_shown.sort(key=lambda shown: shown.came)
        times, best = [], []
        for shown in all_shown:
            times.append(shown.came)
            if not best or shown.cursor > best[-1].cursor:
                best.append(shown)
            else:
                best.append(best[-1])
        for shown in all_shown:
            if shown.sent is None or not shown.is_head:
                continue
            before = bisect.bisect_left(times, shown.sent)
            if before and best[before - 1].cursor > shown.cursor:
                earlier = best[before - 1]
                yield Fault("unseen", scope,
                            f"{shown.who} sent at {shown.sent:.4f} shows {shown.cursor}; {earlier.who} "
                            f"had shown {earlier.cursor} at {earlier.came:.4f}")


def _states(history, logs):
    """A snapshot is the replay of its log up to its cursor."""
    for scope, log in logs.items():
        wanted = defaultdict(list)
        for one, who, cursor, records in history.snapshots:
            if one == scope:
                wanted[cursor].append((who, records))
        state = {}
        for cursor in range(len(log) + 1):
            if cursor:
                change = log[cursor - 1]
                if change["op"] == "delete":
                    state.pop((change["entity"], change["id"]), None)
                else:
                    state[change["entity"], change["id"]] = _text(change["data"])
            for who, records in wanted.get(cursor, ()):
                found = {(r["entity"], r["id"]): _text(r["data"]) for r in records}
                if found != state or len(records) != len(state):
                    odd = sorted(set(found.items()) ^ set(state.items()))[:2]
                    yield Fault("untrue", scope, f"{who} snapshot at {cursor}: {odd}")
