"""More files than the kernel can note, files that were dropped while nobody watched, and files that come at the start."""

import os
import subprocess
import threading
import time
import unittest

import oracle
from cluster import wait
from tally import tell
from world import IS_SOAK, World

LIMIT = "/proc/sys/fs/inotify/max_queued_events"


class Overflow(unittest.TestCase):
    def test_queue_of_16_and_5000_files_at_once(self):
        """All are applied, in order, and the log says once that events were lost.

        The limit counts for queues that are made later, on the whole machine: it is set for the moment of the start.
        """
        try:
            with open(LIMIT) as file:
                before = file.read()
            with open(LIMIT, "w") as file:
                file.write("16")
        except OSError as error:
            self.skipTest(f"LOUD: fs.inotify.max_queued_events cannot be set here: {error}")
        try:
            with World(webhook=False, reads_progress=False) as world:
                watcher = world.start()
                world.wait_until_watching(watcher)
                time.sleep(0.3)
                with open(LIMIT, "w") as file:
                    file.write(before)
                count = 5000 if IS_SOAK else 600
                for number in range(count):
                    world.drop([(f"S{number % 50}", f"v{number}", "", "t")])
                oracle.check(self, world, settle=240)
                warnings = [line for line in world.log().splitlines() if " warning " in line]
                self.assertEqual(len(warnings), 1, warnings[:5])
                self.assertIn("more happened than the kernel could note", warnings[0])
                tell(f"{count} files over a queue of 16, one warning: nothing broken")
        finally:
            with open(LIMIT, "w") as file:
                file.write(before)


class Stopped(unittest.TestCase):
    def test_many_files_dropped_while_stopped(self):
        count = 10_000 if IS_SOAK else 300
        with World(webhook=not IS_SOAK, reads_progress=False) as world:
            for number in range(count):
                world.drop([(f"S{number % 50}", f"v{number}", "", "t")])
            began = time.monotonic()
            watcher = world.start()
            oracle.check(self, world, settle=600)
            tell(f"{count} files dropped while stopped: imported within {time.monotonic() - began:.1f} s, "
                 "nothing broken")
            self.assertIsNone(watcher.poll())


class Starting(unittest.TestCase):
    def test_dropped_before_and_during_the_start(self):
        """Files of before the start, and those that come in its midst, are applied in the order of their drops."""
        for _ in range(20 if IS_SOAK else 2):
            with World(webhook=False, reads_progress=False) as world:
                for number in range(40):
                    world.drop([("A", f"v{number}", "", "t")])
                watcher = world.start()
                deadline = time.monotonic() + 0.8
                while time.monotonic() < deadline:
                    world.drop([("A", f"v{len(world.drops)}", "", "t")])
                    time.sleep(0.001)
                oracle.check(self, world)
                world.stop(watcher)


if __name__ == "__main__":
    unittest.main()
