"""A TCP relay between a node and a server that a test cuts, holds, slows, or lets only one way: what a
network does, where the test says so.

    pass     bytes go both ways
    hold     nothing goes any way; connections stay, new ones are taken and wait
    answers  requests go, answers are held: the server does what it was told, and nobody hears of it
             but by `let_through`
    cut      every connection is reset, and new ones at once

One thread of this process does the work. `delay` is for each direction, in seconds.
"""

import collections
import contextlib
import selectors
import socket
import struct
import threading
import time

MODES = ("pass", "hold", "answers", "cut")
_RESET = struct.pack("ii", 1, 0)


class _Pipe:
    """Both ends of one relayed connection, and what waits for each."""

    def __init__(self, client, server):
        self.ends = (client, server)
        self.waiting = {client: collections.deque(), server: collections.deque()}
        self.allowed = {client: 0, server: 0}
        self.ended = set()

    def other(self, end):
        return self.ends[1 - self.ends.index(end)]


class Relay:
    host = "127.0.0.1"

    def __init__(self, port):
        """Relays to `port` of this machine, from `port` of its own."""
        self.target, self.mode, self.delay = port, "pass", 0.0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.listener.setblocking(False)
        self._pipes, self._lock, self._is_over = {}, threading.Lock(), threading.Event()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self.listener, selectors.EVENT_READ)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def authority(self):
        return f"{self.host}:{self.port}"

    def set(self, mode, delay=0.0):
        assert mode in MODES, mode
        with self._lock:
            self.mode, self.delay = mode, delay
            if mode == "cut":
                for pipe in set(self._pipes.values()):
                    self._end(pipe, is_reset=True)

    def held_answers(self):
        """What waits for clients now, for `let_through`."""
        with self._lock:
            return {pipe.ends[0]: len(pipe.waiting[pipe.ends[0]])
                    for pipe in set(self._pipes.values())}

    def let_through(self, held):
        """Lets what was held then go to its clients, and nothing that has come since."""
        with self._lock:
            for end, count in held.items():
                if (pipe := self._pipes.get(end)) is not None:
                    pipe.allowed[end] = min(count, len(pipe.waiting[end]))

    def close(self):
        self._is_over.set()
        self._thread.join(10)
        with self._lock:
            for pipe in set(self._pipes.values()):
                self._end(pipe)
        self.listener.close()

    # --- the thread -------------------------------------------------------------------------------

    def _run(self):
        while not self._is_over.is_set():
            # Held and delayed bytes are looked at again after a moment, whoever is ready.
            ready = self._selector.select(0.002 if self.delay or self.mode != "pass" else 0.02)
            with self._lock:
                for key, _ in ready:
                    if key.fileobj is self.listener:
                        self._accept()
                    elif (pipe := self._pipes.get(key.fileobj)) is not None:
                        self._read(pipe, key.fileobj)
                for pipe in set(self._pipes.values()):
                    self._forward(pipe)

    def _accept(self):
        with contextlib.suppress(OSError):
            client, _ = self.listener.accept()
            if self.mode == "cut":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                client.close()
                return
            try:
                server = socket.create_connection(("127.0.0.1", self.target), 5)
            except OSError:
                client.close()
                return
            pipe = _Pipe(client, server)
            for end in pipe.ends:
                end.setblocking(False)
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._pipes[end] = pipe
                self._selector.register(end, selectors.EVENT_READ)

    def _read(self, pipe, end):
        try:
            data = end.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            return self._end(pipe, is_reset=True)
        if not data:
            self._selector.unregister(end)
            pipe.ended.add(end)
        pipe.waiting[pipe.other(end)].append((time.monotonic() + self.delay, data))

    def _forward(self, pipe):
        for index, end in enumerate(pipe.ends):
            is_held = self.mode == "hold" or self.mode == "answers" and index == 0
            queue = pipe.waiting[end]
            while (queue and (not is_held or pipe.allowed[end] > 0)
                   and queue[0][0] <= time.monotonic()):
                due, data = queue[0]
                try:
                    if not data:
                        end.shutdown(socket.SHUT_WR)
                        queue.popleft()
                        pipe.allowed[end] = max(0, pipe.allowed[end] - 1)
                        continue
                    sent = end.send(data)
                except BlockingIOError:
                    break
                except OSError:
                    return self._end(pipe, is_reset=True)
                if sent == len(data):
                    queue.popleft()
                    pipe.allowed[end] = max(0, pipe.allowed[end] - 1)
                else:
                    queue[0] = due, data[sent:]
        if len(pipe.ended) == 2 and not any(pipe.waiting.values()):
            self._end(pipe)

    def _end(self, pipe, is_reset=False):
        for end in pipe.ends:
            if self._pipes.pop(end, None) is None:
                continue
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(end)
            with contextlib.suppress(OSError):
                if is_reset:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            end.close()
