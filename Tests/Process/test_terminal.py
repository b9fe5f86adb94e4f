"""What a server does with the terminal and the descriptors that it was started with."""

import fcntl
import os
import pty
import signal
import termios

import pytest

from server import wait_until
from wire import fetch


def held_by(slave):
    """Makes the child a session of its own whose terminal is `slave`, as its standard input."""
    def before_exec():
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        os.dup2(slave, 0)
    return before_exec


def test_it_ends_with_its_terminal_and_only_then(start):
    master, slave = pty.openpty()
    try:
        running = start(before_exec=held_by(slave)).ready()
        os.close(slave)
        # While the terminal is there, SIGHUP means: read your files again.
        running.signal(signal.SIGHUP)
        assert fetch(running, "GET", "/healthz").status == 200
    finally:
        os.close(master)
    assert running.wait(60) == 0, running.errors


def test_without_a_terminal_sighup_ends_nothing(start):
    running = start(before_exec=os.setsid).ready()
    running.signal(signal.SIGHUP)
    assert fetch(running, "GET", "/healthz").status == 200
    running.stop()


@pytest.mark.parametrize("closed", [(0,), (2,), (0, 2)], ids=str)
def test_closed_standard_descriptors_become_dev_null(start, closed):
    def close():
        for number in closed:
            os.close(number)

    running = start(before_exec=close).ready()
    folder = f"/proc/{running.child.pid}/fd"
    for number in closed:
        wait_until(lambda: os.readlink(f"{folder}/{number}") == "/dev/null", what=f"{number}")
    assert fetch(running, "GET", "/").status == 200
    running.stop()
