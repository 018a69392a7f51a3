"""SIGKILL at random moments."""

import os
import time
import unittest

import model
import oracle
from world import IS_SOAK, MAXIMUM_KILLS, World

KILLS = int(os.environ.get("FAULTS_KILLS", "1000" if IS_SOAK else "12"))


class RandomKills(unittest.TestCase):
    def kill_often(self, world, kills, drop, longest):
        """Drops, kills up to four times in a row, lets everything settle, and checks; until it was enough."""
        began = world.kills
        while world.kills - began < kills:
            watcher = world.start() if world.random.random() < 0.5 else None
            drop()
            for _ in range(world.random.randint(1, MAXIMUM_KILLS)):
                watcher = watcher or world.start()
                time.sleep(world.random.uniform(0, longest))
                world.kill(watcher)
                watcher = None
            watcher = world.start()
            oracle.check(self, world, settle=90)
            world.stop(watcher)
            oracle.check(self, world, settle=0, stopped=True)

    def test_small_files(self):
        with World() as world:
            def drop():
                for _ in range(world.random.randint(1, 5)):
                    rows = model.rows(world.random, world.random.randint(1, 300), 500, f"v{len(world.drops)}")
                    chance = world.random.random()
                    if chance < 0.15:
                        bad = b"sku,name,active\r\nSKU-1,a,maybe\r\n,b,t\r\n"
                        good = [("SKU-2", f"only {len(world.drops)}", "t")]
                        world.drop(good, content=bad + model.csv_bytes(good, ("sku", "name", "active")).split(b"\n", 1)[1],
                                   header=("sku", "name", "active"), rejected=2)
                    elif chance < 0.25:
                        world.drop(None, content=b"name\r\nno sku\r\n", states=("failed",), error="missing_column")
                    elif chance < 0.35:
                        world.drop(rows, dry_run=True)
                    else:
                        world.drop(rows)
            self.kill_often(world, KILLS * 9 // 10, drop, 0.5)
            print(f"\n  {world.kills} kills over {len(world.drops)} small drops, "
                  f"{world.progress.reads} progress files read: nothing broken", flush=True)

    def test_large_files(self):
        with World() as world:
            def drop():
                count = len(world.drops)
                world.drop(model.sequence(count % 3 * 1000, 200_000, f"v{count // 2}"))
            self.kill_often(world, max(2, KILLS // 10), drop, 2.5)
            print(f"\n  {world.kills} kills over {len(world.drops)} drops of 200,000 records: nothing broken", flush=True)


if __name__ == "__main__":
    unittest.main()
