"""Disks and folders: full, foreign, gone, not writable."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
import unittest

import model
import oracle
import side_by_side
import tracing
from cluster import wait
from tally import tell
from world import IS_SOAK, RECORDS, World


@contextlib.contextmanager
def small_disk(test, size):
    """A file system of its own, of a few MiB."""
    folder = tempfile.mkdtemp(prefix="pid-", dir="/tmp")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "tmpfs", folder],
                          stderr=subprocess.PIPE, text=True)
    if done.returncode:
        os.rmdir(folder)
        test.skipTest(f"LOUD: no file system can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        if subprocess.run(["umount", folder], stderr=subprocess.DEVNULL).returncode:
            subprocess.run(["umount", "-l", folder], stderr=subprocess.DEVNULL)
        os.rmdir(folder)


def fill(folder):
    """Takes all room there is; gives the name of the file to remove."""
    path = f"{folder}/filler"
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 16, 4096, 1):
            try:
                while True:
                    file.write(b"\0" * size)
            except OSError:
                pass
    return path


class FullOutbox(unittest.TestCase):
    def test_full_from_the_start(self):
        """An import that can commit does; what cannot be written is written when there is room."""
        with small_disk(self, "8m") as disk, World(outbox=f"{disk}/outbox") as world:
            filler = fill(disk)
            watcher = world.start()
            world.drop(model.rows(world.random, 200, 300, "v1"))
            world.drop([("SKU-2", "x", "t")], content=b"sku,name,active\r\nSKU-1,a,maybe\r\nSKU-2,x,t\r\n",
                       header=("sku", "name", "active"), rejected=1)
            wait(lambda: world.value("SELECT count(*) FROM imports WHERE state = 'completed'") == "2",
                 lambda: f"both are applied: {world.log()[-3000:]}", 30)
            self.assertIsNone(watcher.poll())
            os.unlink(filler)
            oracle.check(self, world, settle=75)
            world.stop(watcher)
            oracle.check(self, world, settle=0, stopped=True)

    def test_full_in_the_middle(self):
        """A file that is larger than the room in the outbox: it stays where it is until there is room."""
        with small_disk(self, "8m") as disk, World(outbox=f"{disk}/outbox") as world:
            watcher = world.start()
            filler = f"{disk}/filler"
            with open(filler, "wb") as file:
                file.write(b"\0" * (6 << 20))
            world.drop(model.sequence(0, 100_000, "v1"), name="large.csv")
            wait(lambda: world.value("SELECT count(*) FROM imports WHERE state = 'completed'") == "1",
                 lambda: f"it is applied: {world.log()[-3000:]}", 30)
            time.sleep(1)
            self.assertEqual(world.value("SELECT count(*) FROM imports WHERE filed_at IS NULL"), "1")
            self.assertIsNone(watcher.poll())
            os.unlink(filler)
            oracle.check(self, world, settle=75)


class TwoFileSystems(unittest.TestCase):
    """Inbox and outbox on different file systems: the file is copied across, and removed only then."""

    def test_whole(self):
        with small_disk(self, "64m") as disk, World(outbox=f"{disk}/outbox") as world:
            world.start()
            for number in range(5):
                world.drop(model.rows(world.random, 500, 800, f"v{number}"))
            world.drop(model.sequence(0, RECORDS, "large"))
            oracle.check(self, world)

    def test_killed_while_copying(self):
        calls = {"write": 10, "rename": 12, "fsync": 8, "unlink": 3, "openat": 14}
        cases = [(call, number) for call, count in calls.items()
                 for number in (range(1, count + 1) if IS_SOAK else (1, count // 2))]
        with small_disk(self, "200m") as disk:
            # The world's own folder is on the first file system, its outbox on the second.
            results = side_by_side.run(
                self, cases, self.kill_at, make_world=lambda: World(outbox=tempfile.mkdtemp(dir=disk)))
        tell(f"killed {sum(results)} times while copying between file systems: nothing broken")

    def kill_at(self, world, case):
        call, number = case
        watcher = world.start()
        world.wait_until_watching(watcher)
        tracer = tracing.Tracer(watcher.pid, "filing", call, f"signal=KILL:when={number}")
        try:
            world.drop(model.sequence(0, 3000, f"v{len(world.drops)}"))
            world.is_killed(watcher, 10)
            time.sleep(0.1)
            was_reached = watcher.poll() is not None
        finally:
            world.kill(watcher)
            tracer.stop()
        world.let_leases_run_out()
        watcher = world.start()
        oracle.check(self, world)
        world.stop(watcher)
        return was_reached

    def test_errors_while_copying(self):
        cases = [("unlink", 1, "EIO"), ("write", 2, "ENOSPC"), ("rename", 2, "EIO"), ("fsync", 1, "EIO"),
                 ("write", 1, "EDQUOT")]
        with small_disk(self, "200m") as disk:
            side_by_side.run(self, cases, self.fail_at, workers=5,
                             make_world=lambda: World(outbox=tempfile.mkdtemp(dir=disk)))

    def fail_at(self, world, case):
        call, number, error = case
        watcher = world.start()
        world.wait_until_watching(watcher)
        tracer = tracing.Tracer(watcher.pid, "filing", call, f"error={error}:when={number}")
        try:
            world.drop(model.sequence(0, 3000, "v"))
            oracle.check(self, world, settle=75, patience=40)
        finally:
            world._end(watcher)
            tracer.stop()


class InboxGone(unittest.TestCase):
    def test_deleted_and_made_again(self):
        with World() as world:
            watcher = world.start()
            world.drop([("A", "a", "", "t")])
            world.settle()
            # The watcher may be making it again meanwhile.
            shutil.rmtree(world.inbox, ignore_errors=True)
            time.sleep(0.2)
            os.makedirs(world.inbox, exist_ok=True)
            world.drop([("A", "b", "", "t")])
            world.drop([("B", "b", "", "f")])
            oracle.check(self, world)
            self.assertIsNone(watcher.poll())

    def test_deleted_while_importing(self):
        """A claimed file that somebody deletes with the inbox is lost by their hand; the import before it is not."""
        with World() as world:
            watcher = world.start()
            for number in range(10):
                world.drop([("A", f"v{number}", "", "t")])
                world.settle()
                shutil.rmtree(world.inbox, ignore_errors=True)
            time.sleep(1)
            world.drop([("B", "b", "", "t")])
            oracle.check(self, world)
            self.assertIsNone(watcher.poll())

    def test_renamed_and_made_again(self):
        with World() as world:
            watcher = world.start()
            world.drop([("A", "a", "", "t")])
            world.settle()
            os.rename(world.inbox, f"{world.folder}/old")
            time.sleep(0.2)
            world.drop([("A", "b", "", "t")])
            oracle.check(self, world)
            # And back: the watcher follows the name.
            os.rename(world.inbox, f"{world.folder}/new")
            shutil.rmtree(f"{world.folder}/new")
            shutil.rmtree(world.inbox, ignore_errors=True)
            if not os.path.exists(world.inbox):
                os.rename(f"{world.folder}/old", world.inbox)
            world.drop([("A", "c", "", "t")])
            oracle.check(self, world)
            self.assertIsNone(watcher.poll())

    def test_mounted_over_and_unmounted(self):
        with World() as world:
            watcher = world.start()
            world.drop([("A", "a", "", "t")])
            world.settle()
            done = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", world.inbox], stderr=subprocess.PIPE, text=True)
            if done.returncode:
                self.skipTest(f"LOUD: no file system can be mounted here: {done.stderr.strip()}")
            try:
                time.sleep(1)
                world.drop([("A", "b", "", "t")])
                oracle.check(self, world)
            finally:
                subprocess.run(["umount", "-l", world.inbox], check=True)
            time.sleep(1)
            world.drop([("A", "c", "", "t")])
            oracle.check(self, world)
            self.assertIsNone(watcher.poll())


class Permissions(unittest.TestCase):
    def test_read_only_outbox(self):
        """The outbox becomes read-only: imports are applied, and filed away once it can be written again."""
        with small_disk(self, "32m") as disk, World(outbox=f"{disk}/outbox") as world:
            watcher = world.start()
            world.drop([("A", "a", "", "t")])
            world.settle()
            wait(lambda: subprocess.run(["mount", "-o", "remount,ro", disk], stderr=subprocess.DEVNULL).returncode == 0,
                 "the outbox is read-only", 10)
            world.drop([("A", "b", "", "t")])
            wait(lambda: world.value("SELECT count(*) FROM imports WHERE state = 'completed'") == "2",
                 lambda: f"it is applied: {world.log()[-3000:]}", 30)
            self.assertIsNone(watcher.poll())
            subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
            oracle.check(self, world, settle=75)

    def test_wrong_permissions(self):
        """As another user than root: a file that may not be read, a folder that may not be written."""
        if os.geteuid() != 0:
            self.skipTest("LOUD: only root can start the program as another user")
        with World() as world:
            for top, folders, names in os.walk(world.folder):
                shutil.chown(top, "nobody", "nogroup")
            shutil.chown(world.outbox, "nobody", "nogroup")
            for name in ("log",):
                if os.path.exists(f"{world.folder}/{name}"):
                    shutil.chown(f"{world.folder}/{name}", "nobody", "nogroup")
            watcher = world.start(under=["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"])
            world.wait_until_watching(watcher)
            # Not readable.
            content = model.csv_bytes([("A", "a", "", "t")])
            hidden = f"{world.inbox}/.secret.part"
            with open(hidden, "wb") as file:
                file.write(content)
            os.chmod(hidden, 0o600)
            os.rename(hidden, f"{world.inbox}/secret.csv")
            progress = world.wait_for("secret.csv", "waiting")
            self.assertIn("permission", progress["message"])
            os.chmod(f"{world.inbox}/secret.csv", 0o644)
            world.expect(model.Drop(b"secret.csv", content, [("A", "a", "", "t")]))
            oracle.check(self, world)
            # The inbox may not be written: nothing can be claimed.
            shutil.chown(world.inbox, "root", "root")
            os.chmod(world.inbox, 0o755)
            world.drop([("A", "b", "", "t")], name="stuck.csv")
            os.chmod(f"{world.inbox}/stuck.csv", 0o644)
            progress = world.wait_for("stuck.csv", "waiting", message="may not move")
            shutil.chown(world.inbox, "nobody", "nogroup")
            oracle.check(self, world)
            # The outbox may not be written.
            shutil.chown(world.outbox, "root", "root")
            world.drop([("A", "c", "", "t")], name="unfiled.csv")
            wait(lambda: world.value("SELECT count(*) FROM imports WHERE state = 'completed'") == "3",
                 lambda: f"it is applied: {world.log()[-3000:]}", 30)
            shutil.chown(world.outbox, "nobody", "nogroup")
            oracle.check(self, world, settle=75)
            self.assertIsNone(watcher.poll())


if __name__ == "__main__":
    unittest.main()
