"""A network of our own: a kernel for each machine (namespaces of Linux), a router between them, and ways
that are cut without a word. What a relay on 127.0.0.1 cannot show: nobody acknowledges, resets or ends
anything, so what was sent is sent again, later and later, and only clocks tell that somebody is gone.

    member ──veth── router ──veth── member        each with 10.77.N.2
                      │ tun: packets of a slow way, which this process delays and loses

A namespace is known by a descriptor alone, so that nothing of it is left when this process ends. It needs
root, and iproute2. Threads and children are in the namespace of whoever starts them.
"""

import contextlib
import ctypes
import fcntl
import heapq
import os
import random
import select
import struct
import subprocess
import threading
import time

from daemon import Missing, program

CLONE_NEWNET = 0x40000000
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x1, 0x1000
_LIBC = ctypes.CDLL(None, use_errno=True)


def _call(name, *arguments):
    if getattr(_LIBC, name)(*arguments) != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


def _own():
    """A descriptor of the namespace that the calling thread is in."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


def _make():
    """A descriptor of a new namespace."""
    home = _own()
    try:
        _call("unshare", CLONE_NEWNET)
        try:
            return _own()
        finally:
            _call("setns", home, CLONE_NEWNET)
    finally:
        os.close(home)


class Network:
    """Raises Missing where that cannot be had. Ways are between two members, both directions alike."""

    def __init__(self, *members, seed=1):
        self.ip, self.places, self.spaces = program("ip"), {}, []
        self.rng, self.cuts, self.slowed = random.Random(seed), set(), set()
        try:
            self.router = self._add_space()
            for number, name in enumerate(members, 1):
                self._connect(name, number)
            self.slow_way = SlowWay(self)
        except (OSError, subprocess.CalledProcessError) as error:
            self.close()
            said = getattr(error, "stderr", None) or error
            raise Missing(f"network namespaces cannot be used here: {said}") from error

    def _add_space(self):
        self.spaces.append(_make())
        return self.spaces[-1]

    def _connect(self, name, number):
        space, net = self._add_space(), f"10.77.{number}"
        self.places[name] = space, f"{net}.2"
        with self.within(self.router):
            self.run("link", "add", f"to{number}", "type", "veth", "peer", "name", "eth0",
                     "netns", f"/proc/self/fd/{space}", pass_fds=(space,))
            self.run("address", "add", f"{net}.1/24", "dev", f"to{number}")
            self.run("link", "set", f"to{number}", "up")
            write("/proc/sys/net/ipv4/ip_forward", "1")
        with self.within(space):
            for link in ("lo", "eth0"):
                self.run("link", "set", link, "up")
            self.run("address", "add", f"{net}.2/24", "dev", "eth0")
            self.run("route", "add", "default", "via", f"{net}.1")

    def run(self, *words, **options):
        subprocess.run([self.ip, *words], check=True, capture_output=True, text=True, timeout=20,
                       **options)

    def address(self, name):
        return self.places[name][1]

    @contextlib.contextmanager
    def inside(self, name):
        """The calling thread, and what it starts, is on that machine."""
        with self.within(self.places[name][0]):
            yield

    @contextlib.contextmanager
    def within(self, space):
        home = _own()
        try:
            _call("setns", space, CLONE_NEWNET)
            try:
                yield
            finally:
                _call("setns", home, CLONE_NEWNET)
        finally:
            os.close(home)

    # --- what befalls a way -----------------------------------------------------------------------

    def _rules(self, verb, one, other, *what):
        with self.within(self.router):
            for source, target in ((one, other), (other, one)):
                self.run("rule", verb, "from", self.address(source), "to", self.address(target), *what)

    def cut(self, one, other):
        """Every packet is dropped, and nobody is told."""
        self._rules("add", one, other, "blackhole", "pref", "10")
        self.cuts.add((one, other))

    def slow(self, one, other, delay=0.1, loss=0.05):
        """Each packet comes `delay` seconds later, if it is not lost."""
        self.slow_way.delay, self.slow_way.loss = delay, loss
        self._rules("add", one, other, "lookup", "100", "pref", "20")
        self.slowed.add((one, other))

    def heal(self):
        """All ways are as they were."""
        for pair in self.cuts:
            self._rules("del", *pair, "blackhole", "pref", "10")
        for pair in self.slowed:
            self._rules("del", *pair, "lookup", "100", "pref", "20")
        self.cuts, self.slowed = set(), set()

    def close(self):
        if hasattr(self, "slow_way"):
            self.slow_way.close()
        for space in self.spaces:
            os.close(space)
        self.spaces = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class SlowWay:
    """The router sends some packets here by a tun, and has them back later, or not: the kernel need not
    have been built with netem."""

    def __init__(self, network):
        self.delay, self.loss, self.rng = 0.0, 0.0, network.rng
        with network.within(network.router):
            self.device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(self.device, TUNSETIFF, struct.pack("16sH22x", b"slow", IFF_TUN | IFF_NO_PI))
            network.run("link", "set", "slow", "up")
            network.run("route", "add", "default", "dev", "slow", "table", "100")
            # What comes back goes on; and it comes from elsewhere than where its sender is.
            network.run("rule", "add", "iif", "slow", "lookup", "main", "pref", "5")
            for name in ("all", "slow"):
                write(f"/proc/sys/net/ipv4/conf/{name}/rp_filter", "0")
        self.bell = os.pipe()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        waiting, number = [], 0
        while True:
            until = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
            ready = select.select([self.device, self.bell[0]], [], [], until)[0]
            if self.bell[0] in ready:
                return
            if ready:
                with contextlib.suppress(BlockingIOError):
                    packet = os.read(self.device, 1 << 16)
                    if self.rng.random() >= self.loss:
                        number += 1
                        heapq.heappush(waiting, (time.monotonic() + self.delay, number, packet))
            while waiting and waiting[0][0] <= time.monotonic():
                with contextlib.suppress(OSError):  # no room: one more that is lost
                    os.write(self.device, heapq.heappop(waiting)[2])

    def close(self):
        os.write(self.bell[1], b"x")
        self.thread.join(10)
        for descriptor in (self.device, *self.bell):
            os.close(descriptor)


def write(path, text):
    with open(path, "w") as file:
        file.write(text)
