"""SIGKILL at random moments."""

import os
import time
import unittest

import model
import oracle
import side_by_side
from tally import tell
from world import IS_SOAK, MAXIMUM_KILLS, RECORDS, SEED

KILLS = int(os.environ.get("FAULTS_KILLS", "1000" if IS_SOAK else "12"))


class RandomKills(unittest.TestCase):
    def kill_often(self, world, kills, drop, longest):
        """Drops, kills up to four times in a row, lets everything settle, and checks; until it was enough."""
        while world.kills < kills:
            watcher = world.start() if world.random.random() < 0.5 else None
            drop()
            for _ in range(world.random.randint(1, MAXIMUM_KILLS)):
                watcher = watcher or world.start()
                time.sleep(world.random.uniform(0, longest))
                world.kill(watcher)
                watcher = None
            # Now and then it is waited for that the leases of those who died run out.
            if world.random.random() < 0.8:
                world.let_leases_run_out()
            watcher = world.start()
            oracle.check(self, world, settle=90)
            world.stop(watcher)
            oracle.check(self, world, settle=0, stopped=True)

    def in_parts(self, what, kills, one):
        """A few worlds side by side, each with a random sequence of its own."""
        parts = min(side_by_side.WORKERS, kills // 2)
        results = side_by_side.run(self, [(part, -(-kills // parts)) for part in range(parts)], one)
        total = [sum(numbers) for numbers in zip(*results)]
        tell(f"{total[0]} kills over {total[1]} {what}, {total[2]} progress files read: nothing broken")

    def test_small_files(self):
        self.in_parts("small drops", KILLS * 9 // 10, self.small_files)

    def test_large_files(self):
        self.in_parts(f"drops of {RECORDS:,} records", max(2, KILLS // 10), self.large_files)

    def small_files(self, world, case):
        part, kills = case
        world.random.seed(SEED * 1000 + part)
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
        self.kill_often(world, kills, drop, 0.5)
        return world.kills, len(world.drops), world.progress.reads

    def large_files(self, world, case):
        part, kills = case
        world.random.seed(SEED * 1000 + part)
        def drop():
            count = len(world.drops)
            world.drop(model.sequence(count % 3 * 1000, RECORDS, f"v{count // 2}"))
        self.kill_often(world, kills, drop, 2.5)
        return world.kills, len(world.drops), world.progress.reads


if __name__ == "__main__":
    unittest.main()
