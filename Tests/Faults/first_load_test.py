"""Faults in the first load of a catalogue, which puts a table of its own in the place of `products`."""

import os
import random
import signal
import threading
import time
import unittest

import model
import oracle
import side_by_side
import tracing
from cluster import Cluster, wait
from tally import tell
from world import IS_SOAK, RECORDS, SEED, World

# As few as make a first load of an import.
ROWS = 12_000


class Reader(threading.Thread):
    """Counts the products again and again: all of a file are there, or none."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.world = world
        self.counts = set()
        self.slowest = 0
        self.errors = []
        self._stopping = threading.Event()

    def run(self):
        while not self._stopping.wait(0.005):
            began = time.monotonic()
            try:
                self.counts.add(int(self.world.value("SELECT count(*) FROM products")))
            except RuntimeError as error:
                self.errors.append(str(error))
                continue
            self.slowest = max(self.slowest, time.monotonic() - began)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        self.join()


class FirstLoad(unittest.TestCase):
    def empty(self, world):
        world.sql("TRUNCATE products")
        world.model.products.clear()
        return world.value("SELECT 'products'::regclass::oid")

    def check(self, world, table):
        """Gives whether another table has taken the place."""
        oracle.check(self, world, settle=90)
        self.assertEqual(world.value("SELECT count(*) FROM pg_class WHERE relname LIKE 'products_fresh%'"), "0")
        # Whoever stores a product next gets an id that no other has had.
        self.assertEqual(world.value(
            "WITH n AS (INSERT INTO products (sku) VALUES ('next') RETURNING id) "
            "SELECT n.id > (SELECT coalesce(max(id), 0) FROM products) FROM n"), "t")
        return int(world.value("SELECT 'products'::regclass::oid") != table)

    def kill_at(self, world, case):
        """Killed at the N-th message to the server."""
        call, number = case
        table = self.empty(world)
        log = len(world.log())
        watcher = world.start()
        wait(lambda: "watching" in world.log()[log:], "the watcher watches", 30)
        tracer = tracing.Tracer(watcher.pid, "import-db", call, f"signal=KILL:when={number}")
        try:
            world.drop(model.sequence(0, ROWS, f"v{len(world.drops)}"))
            was_reached = world.is_killed(watcher)
        finally:
            world.kill(watcher)
            tracer.stop()
        world.let_leases_run_out()
        watcher = world.start()
        replaced = self.check(world, table)
        world.stop(watcher)
        return int(was_reached), replaced

    def test_killed_at_each_message(self):
        numbers = range(1, 81) if IS_SOAK else (12, 24, 36, 48)
        cases = [(call, number) for call in ("sendto", "recvfrom") for number in numbers]
        results = side_by_side.run(self, cases, self.kill_at)
        kills, replaced = (sum(column) for column in zip(*results))
        tell(f"{kills} kills at messages of {len(cases)} first loads, {replaced} tables replaced: nothing broken")
        self.assertGreater(kills, len(cases) // 4)
        self.assertGreater(replaced, len(cases) // 2)

    def test_whatever_dies(self):
        """The program, its session, the whole server: at random moments, while somebody else reads."""
        chance = random.Random(SEED)
        cluster = Cluster()
        self.addCleanup(cluster.remove)
        rounds, replaced, slowest = 60 if IS_SOAK else 8, 0, 0
        with World(cluster) as world:
            watcher = world.start()
            world.wait_until_watching(watcher)
            for round in range(rounds):
                table = self.empty(world)
                with Reader(world) as reader:
                    world.drop(model.sequence(0, RECORDS, f"v{round}"))
                    time.sleep(chance.uniform(0, 1.2))
                    match round % 4:
                        case 0:
                            world.kill(watcher)
                            world.let_leases_run_out()
                            watcher = world.start()
                        case 1:
                            world.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                                      "WHERE datname = current_database() AND pid <> pg_backend_pid() "
                                      "AND query ~ 'products_fresh|COPY'")
                        case 2:
                            for (pid,) in world.sql(
                                    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
                                    "AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"):
                                os.kill(int(pid), signal.SIGKILL)
                        case 3:
                            cluster.stop("immediate")
                            cluster.start()
                    world.settle(90)
                self.assertLessEqual(reader.counts, {0, RECORDS})
                slowest = max(slowest, reader.slowest)
                replaced += self.check(world, table)
            world.stop(watcher)
        tell(f"{rounds} first loads in which something died, {replaced} tables replaced, a reader waited for "
             f"{slowest:.2f} s at most: nothing broken")
        self.assertGreater(replaced, rounds // 2)

    def test_beside_many_readers_and_writers(self):
        """Others read, and now and then store a product; the file wins where they meet, and theirs stay."""
        with World() as world:
            watcher = world.start()
            world.wait_until_watching(watcher)
            rounds, replaced = 20 if IS_SOAK else 3, 0
            for round in range(rounds):
                table = self.empty(world)
                with Reader(world) as first, Reader(world) as second:
                    drop = world.drop(model.sequence(0, ROWS, f"v{round}"))
                    time.sleep(world.random.uniform(0, 0.8))
                    (before,), = world.sql("SELECT count(*) FROM products")
                    began = time.monotonic()
                    world.sql("INSERT INTO products (sku, name, description) VALUES ('sku-7', 'theirs', ''), "
                              f"('THEIRS-{round}', 'theirs', '') ON CONFLICT (lower(sku) COLLATE \"C\") DO NOTHING")
                    self.assertLess(time.monotonic() - began, 10)
                    world.model.products[f"theirs-{round}"] = [f"THEIRS-{round}", "theirs", "", "t"]
                    world.settle(90)
                self.assertEqual(first.errors + second.errors, [])
                # Before the import had anything, theirs was overwritten; afterwards it was not stored.
                if int(world.value("SELECT updated FROM imports ORDER BY id DESC LIMIT 1")):
                    self.assertEqual(before, "0")
                    drop.expected["created"], drop.expected["updated"] = ROWS - 1, 1
                replaced += self.check(world, table)
            world.stop(watcher)
            tell(f"{rounds} first loads beside a product of somebody else, {replaced} tables replaced: nothing broken")


if __name__ == "__main__":
    unittest.main()
