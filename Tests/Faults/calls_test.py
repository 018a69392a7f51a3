"""The N-th system call of a kind, in each thread that does something durable: killed at it, or told that it failed."""

import collections
import os
import time
import unittest

import model
import oracle
import side_by_side
import tracing
from cluster import wait
from tally import tell
from world import IS_SOAK

# How many calls of each kind each thread makes while the drops of `drop` are imported, as strace counts them; a few
# more are tried, and those that are never reached are counted as such.
CALLS = {
    "inbox": {"renameat2": 5, "fsync": 14, "syncfs": 1, "mkdir": 30, "openat": 30, "unlink": 2, "write": 3},
    "inbox-db": {"sendto": 16, "recvfrom": 16},
    "imports": {"rename": 6, "link": 3, "openat": 6, "write": 6, "mkdir": 4},
    "import-db": {"rename": 5, "fsync": 4, "mkdir": 10, "openat": 16, "write": 10, "pread64": 8, "unlink": 2,
                  "sendto": 100, "recvfrom": 100},
    "filing": {"rename": 30, "fsync": 20, "mkdir": 8, "openat": 32, "write": 10, "link": 5, "rmdir": 8, "unlink": 4},
    "outbox": {"rename": 2, "openat": 8, "write": 2},
    "webhooks-db": {"sendto": 24, "recvfrom": 24},
    "inotify": {"read": 6},
}
# FAULTS_THREADS=filing,outbox: only these.
CALLS = {thread: calls for thread, calls in CALLS.items()
         if thread in os.environ.get("FAULTS_THREADS", ",".join(CALLS)).split(",")}
ERRORS = ("ENOSPC", "EIO", "EDQUOT")
# Calls that can fail for want of room or by a broken disk.
FAILING = {"renameat2", "rename", "fsync", "syncfs", "mkdir", "openat", "write", "link", "unlink", "rmdir", "pread64"}


def numbers(count):
    """Each in the long part; the first in the quick one."""
    return range(1, count + 1) if IS_SOAK else (1,)


def drop(world):
    """Files that need all that an import can need: new and changed rows, rejects, a preview, several in one claim."""
    number = len(world.drops)
    world.drop(model.rows(world.random, 60, 200, f"v{number}"))
    good = [("SKU-2", f"only {number}", "t")]
    world.drop(good, content=b"sku,name,active\r\nSKU-1,a,maybe\r\n" + f"SKU-2,only {number},t\r\n".encode(),
               header=("sku", "name", "active"), rejected=1)
    world.drop(model.rows(world.random, 20, 200, f"preview {number}"), dry_run=True)


class KilledAtCalls(unittest.TestCase):
    def finish(self, world):
        world.let_leases_run_out()
        watcher = world.start()
        oracle.check(self, world, settle=90)
        world.stop(watcher)
        oracle.check(self, world, settle=0, stopped=True)

    def kill_at(self, world, case):
        """Killed at one call of one thread of a running watcher."""
        thread, call, number = case
        log = len(world.log())
        watcher = world.start()
        wait(lambda: "watching" in world.log()[log:], "the watcher watches", 30)
        tracer = tracing.Tracer(watcher.pid, thread, call, f"signal=KILL:when={number}")
        try:
            drop(world)
            world.is_killed(watcher)
            # The overview and the last delivery come a little later.
            deadline = time.monotonic() + (1.2 if thread in ("outbox", "webhooks-db") else 0.2)
            while watcher.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            was_reached = watcher.poll() is not None
        finally:
            world.kill(watcher)
            tracer.stop()
        self.finish(world)
        return call, was_reached

    def start_and_kill(self, world, case):
        """Killed at a call of a watcher that has just started, with work of every kind left behind for it."""
        call, number = case
        watcher = world.start()
        world.wait_until_watching(watcher)
        tracer = tracing.Tracer(watcher.pid, "filing", "rename", "signal=KILL:when=3")
        try:
            drop(world)
            wait(lambda: watcher.poll() is not None, "the first kill", 20)
        finally:
            world.kill(watcher)
            tracer.stop()
        drop(world)
        second = world.start(under=tracing.under(call, f"signal=KILL:when={number}"))
        try:
            was_reached = world.is_killed(second)
        finally:
            world.kill(second)
        self.finish(world)
        return call, was_reached

    def tell(self, what, results):
        counts = collections.Counter(call for call, was_reached in results if was_reached)
        missed = sum(1 for _, was_reached in results if not was_reached)
        tell(f"{what}: {sum(counts.values())} ({', '.join(f'{call} {n}' for call, n in sorted(counts.items()))}), "
             f"{missed} calls not reached: nothing broken")

    def test_kill_at_each_call(self):
        cases = [(thread, call, number) for thread, calls in CALLS.items() for call, count in calls.items()
                 for number in numbers(count)]
        results = side_by_side.run(self, cases, self.kill_at)
        self.tell("killed at a call", results)
        self.assertGreater(sum(1 for _, was_reached in results if was_reached), len(cases) // 2)

    def test_kill_at_each_call_of_a_start(self):
        counts = {"mkdir": 24, "openat": 40, "rename": 12, "renameat2": 3, "fsync": 12, "write": 20, "sendto": 40,
                  "recvfrom": 40, "unlink": 4, "rmdir": 4, "link": 4}
        cases = [(call, number) for call, count in counts.items() for number in numbers(count)]
        self.tell("killed at a call of a start", side_by_side.run(self, cases, self.start_and_kill))


class FailingCalls(unittest.TestCase):
    def fail_at(self, world, case):
        """One call of one thread fails; the program goes on, and all heals by itself."""
        thread, call, number, error = case
        log = len(world.log())
        watcher = world.start()
        wait(lambda: "watching" in world.log()[log:], "the watcher watches", 30)
        tracer = tracing.Tracer(watcher.pid, thread, call, f"error={error}:when={number}")
        try:
            drop(world)
            # A file that cannot be opened is not ready, and others may be before it is.
            oracle.check(self, world, settle=75, patience=40, any_order=(thread, call) == ("inbox", "openat"))
            self.assertIsNone(watcher.poll(), "the watcher ended")
        finally:
            world._end(watcher)
            tracer.stop()
        return call, error

    def test_error_at_each_call(self):
        cases = [(thread, call, number, error) for thread, calls in CALLS.items() for call, count in calls.items()
                 if call in FAILING for number in numbers(count) for error in ERRORS]
        if not IS_SOAK:
            cases = [case for index, case in enumerate(cases) if index % 5 == 0]
        counts = collections.Counter(error for _, error in side_by_side.run(self, cases, self.fail_at, workers=8))
        tell(f"calls that failed: {dict(counts)}: nothing broken")


if __name__ == "__main__":
    unittest.main()
