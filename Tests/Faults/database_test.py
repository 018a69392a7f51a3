"""PostgreSQL goes away, in every way that it can."""

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
from cluster import Cluster, wait
from proxy import CommitCutter, unix_socket
from tally import tell
from world import IS_SOAK, RECORDS, World


def ask(world, path):
    """Status, text and seconds of an admin page."""
    began = time.monotonic()
    try:
        with urllib.request.urlopen(f"{world.url}/{path}", timeout=10) as answer:
            return answer.status, answer.read().decode(), time.monotonic() - began
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), time.monotonic() - began


class DatabaseAway(unittest.TestCase):
    """With a cluster of its own, which the tests stop."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()

    @classmethod
    def tearDownClass(cls):
        cls.cluster.remove()

    def setUp(self):
        if not self.cluster.is_running:
            self.cluster.start()

    def test_stopped_at_many_points_of_a_load(self):
        """`pg_ctl stop -m immediate` while a large file is loaded: the import goes on when the server is back."""
        with World(self.cluster) as world:
            world.start()
            points = 24 if IS_SOAK else 5
            for point in range(points):
                world.drop(model.sequence(0, RECORDS, f"v{point}"))
                time.sleep(0.1 + (1.8 if IS_SOAK else 1.2) * point / points)
                self.cluster.stop("immediate")
                time.sleep(0.2)
                self.cluster.start()
                oracle.check(self, world)
            tell(f"PostgreSQL stopped at {points} points of a load: nothing broken")

    def test_away_at_the_start(self):
        with World(self.cluster) as world:
            self.cluster.stop()
            watcher = world.start()
            world.drop([("A", "a", "", "t")], name="early.csv")
            progress = world.wait_for("early.csv", "waiting")
            self.assertIn("Waiting for the database", progress["message"])
            self.assertEqual(os.listdir(world.inbox).count("early.csv"), 1, "it is claimed while nothing can record it")
            self.assertIsNone(watcher.poll())
            self.cluster.start()
            oracle.check(self, world)

    def test_away_for_some_time(self):
        """Files wait with the reason, the pages answer within a second and say it, and all heals by itself."""
        with World(self.cluster) as world:
            watcher = world.start_admin()
            world.drop([("A", "a", "", "t")], name="before.csv")
            world.settle()
            self.cluster.stop()
            world.drop([("B", "b", "", "t")], name="during.csv")
            progress = world.wait_for("during.csv", "waiting")
            self.assertIn("Waiting for the database", progress["message"])
            for path, expected in (("health", 200), ("ready", 503), ("api/products", 503), ("", 200), ("products", 200)):
                status, text, seconds = ask(world, path)
                self.assertLess(seconds, 1, path)
                if expected:
                    self.assertEqual(status, expected, f"{path}: {text[:300]}")
                if path in ("ready", "api/products"):
                    self.assertIn("database", text.lower(), path)
            time.sleep(60 if IS_SOAK else 5)
            self.assertIsNone(watcher.poll())
            self.cluster.start()
            oracle.check(self, world)
            self.assertEqual(ask(world, "ready")[0], 200)

    def test_backends_terminated(self):
        """pg_terminate_backend of all connections, again and again."""
        with World(self.cluster) as world:
            world.start()
            ended = 0
            for round in range(20 if IS_SOAK else 4):
                world.drop(model.sequence(0, RECORDS, f"v{round}"))
                for _ in range(3):
                    time.sleep(0.15)
                    ended += int(world.value(
                        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()"))
                oracle.check(self, world)
            self.assertGreater(ended, 0)
            tell(f"{ended} backends terminated: nothing broken")

    def test_a_backend_is_killed(self):
        """SIGKILL of one session of ours: the server throws all others out with a warning and starts again."""
        with World(self.cluster) as world:
            world.start()
            killed = 0
            for round in range(20 if IS_SOAK else 4):
                world.drop(model.sequence(0, RECORDS, f"v{round}"))
                time.sleep(0.1 + world.random.uniform(0, 1))
                for (pid,) in world.sql("SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
                                        "AND pid <> pg_backend_pid() ORDER BY random() LIMIT 1"):
                    os.kill(int(pid), signal.SIGKILL)
                    killed += 1
                oracle.check(self, world)
            self.assertGreater(killed, 0)
            tell(f"{killed} backends killed, which took all others with them: nothing broken")

    def test_lost_answer_to_commit(self):
        """The COMMIT takes effect and its answer is lost: applied once. It does not arrive: applied all the same."""
        cutter = CommitCutter(unix_socket(self.cluster))
        self.addCleanup(cutter.close)
        database = self.cluster.new_database()
        with World(self.cluster, database=database,
                   url=f"postgresql://postgres@127.0.0.1:{cutter.port}/{database}") as world:
            world.start()
            world.drop([("A", "first", "", "t")])
            world.settle()
            for needle in (b"UPDATE imports SET state", b"INSERT INTO imports", b"UPDATE webhook_deliveries"):
                for after in (True, False):
                    for times in (1, 2) if IS_SOAK else (1,):
                        cutter.arm(needle, times, after)
                        world.drop(model.rows(world.random, 50, 80, f"v{len(world.drops)}"))
                        oracle.check(self, world)
            cutter.arm(b"", 0)
            self.assertGreaterEqual(cutter.cuts, 4)
            tell(f"{cutter.cuts} answers to COMMIT lost: nothing broken")

    def test_wrong_password(self):
        """A wrong password is waited for as well: a person mends it on the server."""
        self.cluster.sql("postgres", "DROP ROLE IF EXISTS shop")
        self.cluster.sql("postgres", "CREATE ROLE shop LOGIN SUPERUSER PASSWORD 'right'")
        path = f"{self.cluster.data}/pg_hba.conf"
        with open(path) as file:
            before = file.read()
        database = self.cluster.new_database()
        try:
            with World(self.cluster, database=database,
                       url=self.cluster.url(database, user="shop", password="wrong-secret")) as world:
                with open(path, "w") as file:
                    file.write("local all shop scram-sha-256\n" + before)
                self.cluster.sql("postgres", "SELECT pg_reload_conf()")
                watcher = world.start()
                world.drop([("A", "a", "", "t")], name="locked.csv")
                progress = world.wait_for("locked.csv", "waiting")
                self.assertIn("password authentication failed", progress["message"])
                self.assertNotIn("wrong-secret", world.log() + json.dumps(progress))
                self.assertIsNone(watcher.poll())
                self.cluster.sql("postgres", "ALTER ROLE shop PASSWORD 'wrong-secret'")
                oracle.check(self, world)
        finally:
            with open(path, "w") as file:
                file.write(before)
            self.cluster.sql("postgres", "SELECT pg_reload_conf()")

    def test_connections_exhausted(self):
        """All connections of the server are taken: the import waits, and goes on when one is free."""
        cluster = Cluster(max_connections=5, superuser_reserved_connections=0, max_wal_senders=0)
        self.addCleanup(cluster.remove)
        with World(cluster, webhook=False) as world:
            taken = [subprocess.Popen(
                ["psql", "-Xq", "-h", cluster.folder, "-p", str(cluster.port), "-U", "postgres", "-d", world.database],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(5)]
            try:
                time.sleep(1)
                watcher = world.start()
                world.drop([("A", "a", "", "t")], name="crowded.csv")
                progress = world.wait_for("crowded.csv", "waiting")
                self.assertIn("too many clients", progress["message"])
                self.assertIsNone(watcher.poll())
            finally:
                for process in taken:
                    process.kill()
                    process.communicate()
            # The program needs five connections of its own; with fewer, only webhooks would wait.
            oracle.check(self, world)


class DatabaseDiskFull(unittest.TestCase):
    def test_no_room_for_the_products(self):
        """The products' tablespace is full: the import waits, and is applied once there is room."""
        import folders_test
        cluster = Cluster()
        self.addCleanup(cluster.remove)
        with folders_test.small_disk(self, "24m") as disk:
            space = f"{disk}/space"
            os.mkdir(space)
            if os.geteuid() == 0:
                import shutil
                shutil.chown(space, "postgres", "postgres")
            cluster.sql("postgres", f"CREATE TABLESPACE small LOCATION '{space}'")
            database = cluster.new_database(TABLESPACE="small")
            with World(cluster, database=database) as world:
                with open(f"{disk}/filler", "wb") as filler:
                    try:
                        while True:
                            filler.write(b"\0" * 65536)
                            filler.flush()
                    except OSError:
                        pass
                watcher = world.start()
                world.drop(model.sequence(0, 20_000, "v1"), name="big.csv")
                progress = world.wait_for("big.csv", "waiting", 30)
                self.assertIn("No space left on device", progress["message"])
                self.assertIsNone(watcher.poll())
                os.unlink(f"{disk}/filler")
                oracle.check(self, world)
                world.stop(watcher)
            cluster.remove()


if __name__ == "__main__":
    unittest.main()
