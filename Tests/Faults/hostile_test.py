"""What should not be in an inbox: each is reported, nothing blocks the watcher, memory stays bounded."""

import gzip
import io
import os
import socket
import stat
import threading
import time
import unittest
import zipfile

import model
import oracle
from cluster import wait
from tally import tell
from world import IS_SOAK, RECORDS, World

# Anonymous memory of the program, in MiB: it must not grow with what is dropped.
MEMORY = 512
# A small file beside all of that, from its drop to its end. The machine may be busy.
SECONDS = 3.0


class Memory(threading.Thread):
    """Watches the anonymous memory of a process; mapped files are the kernel's to drop."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.most, self.stopping = pid, 0, threading.Event()

    def run(self):
        while not self.stopping.wait(0.02):
            try:
                with open(f"/proc/{self.pid}/status") as status:
                    for line in status:
                        if line.startswith("RssAnon:"):
                            self.most = max(self.most, int(line.split()[1]) // 1024)
            except OSError:
                return

    def stop(self):
        self.stopping.set()
        self.join()
        return self.most


class HostileDrops(unittest.TestCase):
    def assert_awake(self, world):
        """A usual file is imported at once, whatever else lies there."""
        name = f"usual-{len(world.drops)}.csv"
        began = time.monotonic()
        world.drop([("USUAL", f"v{len(world.drops)}", "", "t")], name=name)
        world.wait_for(name)
        seconds = time.monotonic() - began
        self.assertLess(seconds, SECONDS)
        return seconds

    def test_not_regular_files(self):
        with World() as world:
            watcher = world.start()
            world.wait_until_watching(watcher)
            outside = f"{world.folder}/outside.csv"
            with open(outside, "wb") as file:
                file.write(model.csv_bytes([("SECRET", "x", "", "t")]))
            path = lambda name: f"{world.inbox}/{name}"
            os.symlink(outside, path("link.csv"))
            os.symlink(world.folder, path("folder-link.csv"))
            os.symlink("loop.csv", path("loop.csv"))
            os.symlink("/dev/zero", path("zero.csv"))
            os.symlink("nowhere", path("dangling.csv"))
            os.mkfifo(path("fifo.csv"))
            unix = socket.socket(socket.AF_UNIX)
            unix.bind(path("socket.csv"))
            os.mkdir(path("folder.csv"))
            os.link(outside, path("hard.csv"))
            names = ["link.csv", "folder-link.csv", "loop.csv", "zero.csv", "dangling.csv", "fifo.csv", "socket.csv",
                     "folder.csv", "hard.csv"]
            try:
                os.mknod(path("device.csv"), 0o600 | stat.S_IFCHR, os.makedev(1, 5))
                names.append("device.csv")
            except OSError as error:
                print(f"\n*** no device can be made here: {error}", flush=True)
            for name in names:
                progress = world.wait_for(name, "failed", 15)
                self.assertEqual(progress["error"]["code"], "not_regular", name)
                self.assert_awake(world)
            unix.close()
            foreign = tuple(os.fsencode(name) for name in names)
            oracle.check(self, world, foreign=foreign)
            self.assertEqual(world.value("SELECT count(*) FROM products WHERE sku = 'SECRET'"), "0")
            # A regular file of that name is imported as usual.
            os.unlink(path("link.csv"))
            world.drop([("A", "a", "", "t")], name="link.csv")
            oracle.check(self, world, foreign=foreign[1:])
            self.assertIsNone(watcher.poll())

    def test_names(self):
        """Any bytes: line breaks, quotes, markup, escapes, what is no UTF-8, and as long as the file system allows."""
        names = [b"line\nbreak.csv", b"\r\n.csv", b"quo'te\"s.csv", b"<script>alert(1)<.csv", b"esc\x1b[31m.csv",
                 b"\xff\xfe.csv", b"caf\xe9.csv", "größe 🎉.csv".encode(), b"a" * 251 + b".csv", b"b" * 246 + b".csv",
                 b"c" * 247 + b".csv", b"-rf *.csv", b"$(reboot).csv", b"%s%n.csv", b"x..csv.csv", b"a;DROP TABLE.csv",
                 b"tab\t.csv", b"CASE.CSV", b"progress.json.csv", b" .csv", b"\\..\\x.csv", b"\xe2\x80\xae.csv"]
        with World() as world:
            watcher = world.start()
            for name in names:
                world.drop([("A", f"v{len(world.drops)}", "", "t")], name=name)
            oracle.check(self, world)
            for name in names[:6]:
                world.drop([("A", f"again {len(world.drops)}", "", "t")], name=name)
            oracle.check(self, world)
            with open(f"{world.outbox}/index.html", encoding="utf-8") as file:
                self.assertNotIn("<script>alert", file.read())
            self.assertNotIn("\x1b", world.log())
            self.assertIsNone(watcher.poll())

    def test_contents(self):
        size = (1 << 30) if IS_SOAK else (96 << 20)
        with World(reads_progress=False) as world:
            watcher = world.start()
            world.wait_until_watching(watcher)
            memory = Memory(watcher.pid)
            memory.start()
            world.drop(None, name="empty.csv", content=b"", states=("failed",), error="empty")
            world.settle()
            world.drop([], name="header.csv")
            world.drop(None, name="blank.csv", content=b"\xef\xbb\xbf \r\n\r\n", states=("failed",), error="empty")
            columns = ",".join(["sku"] + [f"column {number}" for number in range(9_999)]).encode()
            world.drop([("WIDE",)], name="wide.csv", header=("sku",), content=columns + b"\nWIDE" + b"," * 9_999 + b"\n")
            bomb = gzip.compress(b"\0" * (64 << 20), 9)
            world.drop(None, name="bomb.csv", content=bomb, states=("failed",), error="compressed")
            packed = io.BytesIO()
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("x.csv", b"\0" * (64 << 20))
            world.drop(None, name="zip.csv", content=packed.getvalue(), states=("failed",), error="compressed")
            world.drop(None, name="zeros.csv", content=b"\0" * (32 << 20), states=("failed",))
            world.settle()
            oracle.check(self, world)
            # One quoted field, closed and not.
            field = b"x" * size
            world.drop([], name="field.csv", content=b'sku,name\nBIG,"' + field + b'"\n', rejected=1)
            world.settle(180)
            awake = self.assert_awake(world)
            world.drop(None, name="open.csv", content=b'sku,name\nBIG,"' + field, states=("failed",),
                       error="unterminated_quote")
            oracle.check(self, world, settle=180)
            most = memory.stop()
            self.assertLess(most, MEMORY, "MiB of memory")
            self.assertIsNone(watcher.poll())
            tell(f"a quoted field of {size >> 20} MiB: {most} MiB of memory at most; then a small file in "
                 f"{awake:.2f} s")

    def test_growing_while_it_lies_there(self):
        """Written to all the time for three seconds, in pieces that end in whole lines: taken once, whole."""
        with World() as world:
            watcher = world.start()
            world.wait_until_watching(watcher)
            rows = model.sequence(0, 3000, "grown")
            content = model.csv_bytes(rows)
            with open(f"{world.inbox}/growing.csv", "wb", buffering=0) as file:
                lines = content.splitlines(keepends=True)
                for start in range(0, len(lines), 150):
                    file.write(b"".join(lines[start:start + 150]))
                    time.sleep(0.1)
                    if start == 1500:
                        self.assertIn("Still being written", world.pointer("growing.csv")["message"])
                        self.assert_awake(world)
            world.expect(model.Drop(b"growing.csv", content, rows))
            oracle.check(self, world)

    def test_written_to_after_it_was_claimed(self):
        """Somebody finds the claimed file and appends to it while it is read: it is read again, as a whole."""
        with World() as world:
            watcher = world.start()
            world.wait_until_watching(watcher)
            changed = 0
            for round in range(8 if IS_SOAK else 3):
                rows = model.sequence(0, RECORDS, f"v{round}")
                name = f"changed-{round}.csv"
                drop = world.drop(rows, name=name)
                found = lambda: next((f"{top}/{name}" for top, _, names in os.walk(f"{world.inbox}/.work")
                                      if name in names), None)
                path = wait(lambda: found() or not world.unsettled() and "over", "it is claimed", 20, 0.002)
                time.sleep(0.05 + round * 0.1)
                extra = [("SKU-1", f"appended {round}", "", "t")]
                try:
                    with open(path, "ab") as file:
                        more = model.csv_bytes(extra).split(b"\r\n", 1)[1]
                        file.write(more)
                except FileNotFoundError:
                    continue
                world.settle(60)
                # Either it was read with the addition, or it had been read, and was applied, before.
                identity = world.value("SELECT id FROM imports ORDER BY id DESC LIMIT 1")
                read = int(world.value(f"SELECT read FROM imports WHERE id = '{identity}'"))
                self.assertIn(read, (RECORDS, RECORDS + 1))
                if read == RECORDS + 1:
                    changed += 1
                    key = "sku-1"
                    previous = world.model.products
                    drop.content += more
                    drop.rows = rows + extra
                    created = drop.expected
                    row = previous[key]
                    previous[key] = list(extra[0])
                    created.update(read=RECORDS + 1, duplicates=1)
                    self.assertNotEqual(row, previous[key])
                    oracle.check(self, world)
                else:
                    # The kept file has the addition all the same: whoever writes there must live with it.
                    drop.content += more
                    self.assertEqual(oracle.products(world), [])
                    return
            if not changed:
                self.skipTest("LOUD: the machine was too busy to meet an import in its midst")

    def test_replaced_again_and_again(self):
        """The same name, replaced by a rename every few milliseconds: what is taken is always one whole version, in
        the order of the versions, and the last one counts."""
        with World() as world:
            watcher = world.start()
            world.wait_until_watching(watcher)
            versions = {}
            for number in range(600 if IS_SOAK else 150):
                rows = [("A", f"v{number}", "", "t"), (f"B{number}", "x", "", "t")]
                content = model.csv_bytes(rows)
                versions[content] = (number, rows)
                with open(f"{world.inbox}/.replacing.part", "wb") as file:
                    file.write(content)
                os.rename(f"{world.inbox}/.replacing.part", f"{world.inbox}/same.csv")
                time.sleep(world.random.uniform(0, 0.01))
            # A file that was just claimed is neither in the inbox nor in a row.
            wait(lambda: world.value("SELECT name FROM products WHERE sku = 'A'") == f"v{len(versions) - 1}" and world.value(
                "SELECT count(*) FROM imports WHERE filed_at IS NULL") == "0", "all is imported", 30)
            order = []
            for (identity,) in world.sql("SELECT id FROM imports ORDER BY id"):
                with open(f"{world.outbox}/{identity}/same.csv", "rb") as file:
                    content = file.read()
                self.assertIn(content, versions, "half of one version and half of another")
                number, rows = versions[content]
                order.append(number)
                world.expect(model.Drop(b"same.csv", content, rows))
            self.assertEqual(order, sorted(order))
            self.assertEqual(order[-1], len(versions) - 1)
            oracle.check(self, world)


if __name__ == "__main__":
    unittest.main()
