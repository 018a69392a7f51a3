"""Two of us, and one that was asleep."""

import os
import signal
import time
import unittest

import model
import oracle
from cluster import wait
from world import IS_SOAK, RECORDS, World


class TwoOfUs(unittest.TestCase):
    def test_second_watcher_of_an_inbox_refuses(self):
        with World() as world:
            first = world.start()
            world.wait_until_watching(first)
            before = len(world.log())
            second = world.start()
            self.assertEqual(second.wait(timeout=30), 1)
            said = [line for line in world.log()[before:].splitlines() if "already watches the inbox" in line]
            self.assertEqual(len(said), 1, world.log()[before:])
            self.assertIn("Stop it first, or set IMPORTER_INBOX", said[0])
            # And the first is none the worse for it.
            world.drop([("A", "a", "", "t")])
            oracle.check(self, world)

    def test_two_inboxes_on_one_database(self):
        """Side by side, none disturbs the other; the later drop wins."""
        with World(webhook=False) as one, World(webhook=False, database=one.database) as two:
            one.start()
            two.start()
            rounds = 40 if IS_SOAK else 8
            for number in range(rounds):
                world = (one, two)[number % 2]
                world.drop([("SHARED", f"v{number}", "", "t"), (f"OWN-{number}", "x", "", "t")],
                           name=f"round-{number:03}.csv")
                # The next drop becomes ready once this one is applied.
                world.wait_for(f"round-{number:03}.csv", "completed")
            # Both at once: large ones, one after the other in the database.
            for number, world in enumerate((one, two)):
                world.drop(model.sequence(0, RECORDS, f"both {number}"), name=f"both-{number}.csv")
            for number, world in enumerate((one, two)):
                world.wait_for(f"both-{number}.csv", "completed")
            names = dict(one.sql("SELECT sku, name FROM products WHERE sku = 'SHARED' OR sku LIKE 'OWN-%'"))
            self.assertEqual(names["SHARED"], f"v{rounds - 1}")
            self.assertEqual(len(names), rounds + 1)
            self.assertEqual(one.value("SELECT count(*) FROM products"), str(RECORDS + rounds + 1))
            wait(lambda: one.value("SELECT count(*) FROM imports WHERE filed_at IS NULL") == "0", "all are filed", 20)
            self.assertEqual(one.value("SELECT count(*) FROM imports WHERE state = 'completed'"), str(rounds + 2))
            self.assertEqual(one.value("SELECT count(DISTINCT inbox) FROM imports"), "2")
            self.assertEqual(oracle.left_over(one, False) + oracle.left_over(two, False), [])

    def test_asleep_while_its_connection_goes(self):
        """SIGSTOP in mid-load, all its connections killed, SIGCONT: applied once."""
        with World() as world:
            watcher = world.start()
            for round in range(12 if IS_SOAK else 3):
                world.drop(model.sequence(0, RECORDS, f"v{round}"))
                wait(lambda: world.value("SELECT count(*) FROM pg_stat_activity WHERE state <> 'idle' AND "
                                         "datname = current_database() AND query ILIKE '%products%' "
                                         "AND pid <> pg_backend_pid()") != "0",
                     lambda: f"it loads\n{world.log()[-3000:]}")
                time.sleep(world.random.uniform(0, 0.5))
                watcher.send_signal(signal.SIGSTOP)
                world.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                          "WHERE datname = current_database() AND pid <> pg_backend_pid()")
                time.sleep(0.3)
                watcher.send_signal(signal.SIGCONT)
                oracle.check(self, world)

    def test_asleep_while_another_one_takes_over(self):
        """SIGSTOP in mid-load; its lock goes with its inbox's folder, and another watcher of the same inbox takes the
        import over. The sleeper wakes up and applies nothing."""
        with World() as world:
            sleeper = world.start()
            for round in range(6 if IS_SOAK else 2):
                world.drop(model.sequence(0, RECORDS, f"v{round}"))
                wait(lambda: world.value("SELECT count(*) FROM imports WHERE state = 'queued' AND attempt_open") == "1",
                     lambda: f"it loads\n{world.log()[-3000:]}")
                time.sleep(0.2)
                sleeper.send_signal(signal.SIGSTOP)
                # As on a network file system whose server forgot the lock.
                os.unlink(f"{world.inbox}/.work/.lock")
                world.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                          "WHERE datname = current_database() AND pid <> pg_backend_pid()")
                other = world.start()
                world.settle()
                world.stop(other)
                sleeper.send_signal(signal.SIGCONT)
                time.sleep(1)
                oracle.check(self, world)


if __name__ == "__main__":
    unittest.main()
