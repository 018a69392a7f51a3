"""Cancelled from the API, from the page's form, and by Ctrl-C: everything is as before."""

import json
import os
import signal
import subprocess
import time
import unittest
import urllib.error
import urllib.request

import model
import oracle
from cluster import wait
from tally import tell
from world import IS_SOAK, RECORDS, World


def post(url):
    request = urllib.request.Request(url, data=b"{}", method="POST", headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        return error.code


class Cancel(unittest.TestCase):
    def test_by_the_api(self):
        """A running import and a queued one, at several moments of a load."""
        with World() as world:
            world.start_admin()
            world.drop(model.sequence(0, RECORDS, "before"))
            world.settle(120)
            cancelled = 0
            for round in range(16 if IS_SOAK else 4):
                before = dict(world.model.products)
                drops = [world.drop(model.sequence(0, RECORDS, f"v{round}"), states=("cancelled", "completed")),
                         world.drop(model.sequence(500, 10, f"w{round}"), states=("cancelled", "completed"))]
                rows = wait(lambda: (found := world.sql(
                    f"SELECT id FROM imports ORDER BY id OFFSET {len(world.drops) - 2}")) and len(found) == 2 and found,
                    "both are claimed", 20)
                time.sleep(0.05 + world.random.uniform(0, 0.6))
                for (identity,) in reversed(rows):
                    self.assertIn(post(f"{world.url}/api/imports/{identity}/cancel"), (200, 202, 204, 409))
                world.settle(60)
                # What was cancelled has no effect; a COMMIT may have been faster.
                world.model.products = before
                for drop, (identity,) in zip(drops, rows):
                    state = world.value(f"SELECT state FROM imports WHERE id = '{identity}'")
                    drop.states = (state,)
                    if state == "completed":
                        drop.expected = world.model.apply(drop)
                    else:
                        cancelled += 1
                    if round == 0:
                        self.assertIn(post(f"{world.url}/api/imports/{identity}/cancel"), (409,))
                oracle.check(self, world)
            self.assertGreater(cancelled, 0)
            tell(f"{cancelled} imports cancelled through the API: nothing broken")

    def test_in_the_load(self):
        """While it writes, an import holds what it writes: it is cancelled all the same, and at once."""
        with World() as world:
            world.start_admin()
            count = RECORDS if IS_SOAK else 2 * RECORDS
            world.drop(model.sequence(0, count, "before"))
            world.settle(120)
            cancelled = 0
            # Whoever is asked in the last half second has its COMMIT behind it.
            for round in range(20):
                if cancelled == (8 if IS_SOAK else 1):
                    break
                before = dict(world.model.products)
                drop = world.drop(model.sequence(0, count, f"v{round}"), name=f"load-{round}.csv")
                progress = wait(lambda: (found := world.pointer(f"load-{round}.csv")).get("stage") == "load" and found,
                                "it loads", 60, 0.005)
                began = time.monotonic()
                self.assertIn(post(f"{world.url}/api/imports/{progress['id']}/cancel"), (202, 409))
                answered = time.monotonic() - began
                self.assertLess(answered, 2)
                ended = world.wait_for(f"load-{round}.csv")
                drop.states = (ended["state"],)
                if ended["state"] == "cancelled":
                    cancelled += 1
                    world.model.products = before
                    self.assertEqual(ended["sha256"], drop.sha256)
                oracle.check(self, world)
            self.assertGreater(cancelled, 0, "the COMMIT was faster each time")
            tell(f"{cancelled} imports cancelled while they loaded: nothing broken")

    def test_by_ctrl_c(self):
        """Ctrl-C in `import`: the products are as before, and the file stays where it is."""
        with World() as world:
            path = f"{world.folder}/mine.csv"
            with open(path, "wb") as file:
                file.write(model.csv_bytes(model.sequence(0, RECORDS, "before")))
            self.assertEqual(world.start("import", path).wait(timeout=120), 0)
            before = world.cluster.copy(world.database, "SELECT * FROM products ORDER BY id")
            with open(path, "wb") as file:
                file.write(model.csv_bytes(model.sequence(0, RECORDS, "after")))
            interrupted = 0
            for round in range(20 if IS_SOAK else 5):
                process = world.start("import", path)
                time.sleep(0.05 + round * (0.05 if IS_SOAK else 0.15))
                process.send_signal(signal.SIGINT)
                status = process.wait(timeout=30)
                if status == 0:
                    break
                interrupted += 1
                self.assertEqual(world.cluster.copy(world.database, "SELECT * FROM products ORDER BY id"), before)
                self.assertTrue(os.path.exists(path))
            self.assertGreater(interrupted, 0)
            self.assertEqual(world.value("SELECT count(*) FROM imports WHERE state = 'queued' OR filed_at IS NULL"), "0")
            self.assertEqual(oracle.left_over(world, True), [])
            tell(f"{interrupted} times Ctrl-C: nothing broken")

    def test_killed_import_command(self):
        """SIGKILL of `import`: nothing is applied or all is; the watcher files away what is left."""
        with World() as world:
            path = f"{world.folder}/mine.csv"
            with open(path, "wb") as file:
                file.write(model.csv_bytes(model.sequence(0, RECORDS, "v")))
            for round in range(12 if IS_SOAK else 3):
                process = world.start("import", path)
                time.sleep(0.1 + round * 0.08)
                world.kill(process)
            watcher = world.start()
            wait(lambda: world.value("SELECT count(*) FROM imports WHERE state = 'queued' OR filed_at IS NULL") == "0",
                 lambda: f"the rest is filed: {world.log()[-3000:]}", 60)
            applied = int(world.value("SELECT count(*) FROM imports WHERE state = 'completed'"))
            self.assertEqual(world.value("SELECT count(*) FROM products"), str(RECORDS) if applied else "0")
            wait(lambda: world.value("SELECT count(*) FROM webhook_deliveries WHERE state = 'pending'") == "0",
                 "all is delivered", 30)
            world.stop(watcher)
            self.assertEqual(oracle.left_over(world, True), [])
            self.assertEqual(os.listdir(f"{world.outbox}/.work") if os.path.isdir(f"{world.outbox}/.work") else [], [])


if __name__ == "__main__":
    unittest.main()
