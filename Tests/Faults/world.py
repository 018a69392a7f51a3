"""One installation: a database, an inbox, an outbox, and the real program, which may be killed at any time."""

import json
import os
import random
import shutil
import signal
import stat
import subprocess
import tempfile
import threading
import time

import cluster as clusters
from cluster import wait
from model import Drop, Model, csv_bytes
from receiver import Receiver

PROGRAM = os.environ.get("PROGRAM", "")
IS_SOAK = os.environ.get("FAULTS_PART", "quick") == "soak"
# How many records a file has that is to be met in the middle of its import. The debug build is slower.
RECORDS = 200_000 if IS_SOAK else 15_000 if "/debug/" in PROGRAM else 60_000
SEED = int(os.environ.get("FAULTS_SEED", "1"))
ENDS = ("completed", "failed", "cancelled")
# No test kills one import as often as makes a crash loop of it.
MAXIMUM_KILLS = 4


# Those of this process that are still there.
_open = []


def close_all():
    for world in list(_open):
        world.close()


class ProgressReader(threading.Thread):
    """Reads every progress file again and again: each must be complete JSON, and an end stays an end."""

    def __init__(self, outbox):
        super().__init__(daemon=True)
        self.outbox = outbox
        self.problems = []
        self.reads = 0
        self._stopping = threading.Event()
        self._known = {}
        self._ended = {}

    def run(self):
        while not self._stopping.wait(0.03):
            self.look()

    def look(self):
        try:
            folders = [entry for entry in os.scandir(self.outbox)]
        except OSError:
            return
        for entry in folders:
            if entry.name.endswith(".json") and not entry.name.startswith("."):
                self._read(entry.path)
            elif len(entry.name) == 36:
                self._read(f"{entry.path}/progress.json")

    def _read(self, path):
        try:
            status = os.stat(path)
            version = (status.st_ino, status.st_mtime_ns)
            if self._known.get(path) == version:
                return
            with open(path, "rb") as file:
                data = file.read()
        except OSError:
            return
        self._known[path] = version
        self.reads += 1
        try:
            progress = json.loads(data)
            is_end = progress["state"] in ENDS
            if is_end != (progress["percent"] == 100):
                self.problems.append(f"{path}: {progress['state']} at {progress['percent']} %")
            identity = progress["id"]
            # In each file by itself: the one of the name is replaced a moment after the one of the import.
            before = self._ended.get((path, identity), progress["state"])
            if identity and before != progress["state"]:
                self.problems.append(f"{path}: {before}, then {progress['state']}")
            if identity and is_end:
                self._ended[path, identity] = progress["state"]
        except (ValueError, KeyError) as error:
            self.problems.append(f"{path}: {error}: {data[:200]!r}")

    def stop(self):
        self._stopping.set()
        self.join()


class World:
    """Use it as a context manager: whatever happens, its processes end with it."""

    def __init__(self, cluster=None, settings=None, webhook=True, inbox=None, outbox=None, database=None, url=None,
                 reads_progress=True, parent="/tmp"):
        _open.append(self)
        self.processes = []
        self.receiver = None
        self.cluster = cluster or clusters.shared()
        self.folder = tempfile.mkdtemp(prefix="piw-", dir=parent)
        os.chmod(self.folder, 0o755)
        self.inbox = inbox or f"{self.folder}/inbox"
        self.outbox = outbox or f"{self.folder}/outbox"
        self.database = database or self.cluster.new_database()
        self.environment = {
            "PATH": "/usr/local/bin:/usr/bin:/bin", "DATABASE_URL": url or self.cluster.url(self.database),
            "IMPORTER_INBOX": self.inbox, "IMPORTER_OUTBOX": self.outbox, "IMPORTER_DATA": f"{self.folder}/var",
            "IMPORTER_PORT": "0", "IMPORTER_SCAN_SECONDS": "0.5", "IMPORTER_SETTLE_SECONDS": "0.3",
            "IMPORTER_WEBHOOK_ALLOW": "127.0.0.1", "IMPORTER_WEBHOOK_TIMEOUT_SECONDS": "1",
            "IMPORTER_WEBHOOK_RETRY_SCHEDULE": ",".join(["1s"] * 20), **(settings or {}),
        }
        self.model = Model()
        self.drops = []
        self.kills = 0
        self.random = random.Random(SEED)
        for path in (self.inbox, self.outbox):
            os.makedirs(path, exist_ok=True)
        self.has_webhook = webhook
        self.url = f"http://127.0.0.1:0/"
        direct = dict(self.environment, DATABASE_URL=self.cluster.url(self.database))
        subprocess.run([PROGRAM, "migrate"], env=direct, check=True, stdout=subprocess.DEVNULL, timeout=60)
        if webhook:
            self.receiver = Receiver()
            self.sql(f"INSERT INTO webhooks (url, events, secret) VALUES ('{self.receiver.url}', "
                     "'{import.completed,import.failed}', "
                     "'whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=')")
        self.progress = ProgressReader(self.outbox)
        if reads_progress:
            self.progress.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self in _open:
            _open.remove(self)
        for process in self.processes:
            self._end(process)
        if hasattr(self, "progress") and self.progress.is_alive():
            self.progress.stop()
        if self.receiver:
            self.receiver.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def sql(self, statement):
        return self.cluster.sql(self.database, statement)

    def value(self, statement):
        return self.cluster.value(self.database, statement)

    # The program

    def start(self, *arguments, under=(), environment=None):
        """Starts the program. `under` is a command line that runs it, such as strace's."""
        log = open(f"{self.folder}/log", "ab")
        process = subprocess.Popen(
            [*under, PROGRAM, *(arguments or ("watch",))], cwd=self.folder, env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        log.close()
        self.processes.append(process)
        return process

    def start_admin(self):
        """`up` with the database of the tests; gives the process, and where its pages are in `self.url`."""
        before = len(self.log())
        process = self.start("up")

        def address():
            text = self.log()[before:]
            if process.poll() is not None:
                raise AssertionError(f"it ended: {text}")
            start = text.find("http://127.0.0.1:")
            return text[start:].split()[0].rstrip("/") if start >= 0 else None
        self.url = wait(address, "the admin server's address")
        return process

    def log(self):
        try:
            with open(f"{self.folder}/log", errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def wait_until_watching(self, process, count=1):
        wait(lambda: process.poll() is not None or self.log().count("watching") >= count, "the watcher watches", 30)

    @staticmethod
    def _end(process, number=signal.SIGKILL):
        """Ends it and whatever it started: each has a process group of its own."""
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        process.wait(timeout=60)

    def kill(self, process):
        self._end(process)
        self.kills += 1

    def stop(self, process):
        """As an administrator stops it."""
        process.terminate()
        began = time.monotonic()
        process.wait(timeout=60)
        return time.monotonic() - began

    # Drops

    def drop(self, rows, name=None, folder=None, content=None, **details):
        """Drops a file as a careful client does: under a temporary name, then renamed."""
        name = name if name is not None else f"drop-{len(self.drops) + 1:06}.csv"
        name = name if isinstance(name, bytes) else os.fsencode(name)
        header = details.get("header")
        if content is None:
            content = csv_bytes(rows, header) if header else csv_bytes(rows)
        drop = Drop(name, content, rows, **details)
        target = os.fsencode(folder or (f"{self.inbox}/preview" if drop.dry_run else self.inbox))
        os.makedirs(target, exist_ok=True)
        temporary = target + b"/.dropping.part"
        with open(temporary, "wb") as file:
            file.write(content)
        os.rename(temporary, target + b"/" + name)
        return self.expect(drop)

    def expect(self, drop):
        """Notes a drop that somebody else makes, at its place in the order."""
        drop.expected = self.model.apply(drop)
        self.drops.append(drop)
        return drop

    # Looking

    def pointer(self, name):
        try:
            with open(f"{self.outbox}/{name}.json", "rb") as file:
                return json.load(file)
        except (OSError, ValueError):
            return {}

    def wait_for(self, name, state=None, seconds=60, message=None):
        def look():
            progress = self.pointer(name)
            if message and message not in progress.get("message", ""):
                return None
            return progress if progress.get("state") in (state and (state,) or ENDS) else None
        return wait(look, lambda: f"{name}: {self.pointer(name)}\n{self.log()[-3000:]}", seconds)

    def unsettled(self):
        """What is still to be done, in words; nothing once all has settled."""
        waiting = self.in_inbox()
        if waiting:
            return f"{len(waiting)} files in the inbox: {waiting[:3]}"
        try:
            (left, rows, deliveries), = self.sql(
                "SELECT count(*) FILTER (WHERE state = 'queued' OR attempt_open OR filed_at IS NULL), count(*), "
                "(SELECT count(*) FROM webhook_deliveries WHERE state = 'pending') FROM imports")
        except RuntimeError as error:
            return f"the database: {error}"
        if int(rows) < len(self.drops) or int(left) or int(deliveries):
            return f"{rows} rows of {len(self.drops)} drops, {left} unfinished, {deliveries} deliveries"
        return None

    def take_order_from_imports(self):
        """Makes the model's order that of the imports, where the same drops are there."""
        names = [bytes.fromhex(row[0]) for row in self.sql("SELECT encode(file_bytes, 'hex') FROM imports ORDER BY id")]
        by_name = {drop.name: drop for drop in self.drops}
        if len(by_name) != len(self.drops) or sorted(names) != sorted(by_name):
            return
        self.drops = [by_name[name] for name in names]
        self.model = Model()
        for drop in self.drops:
            drop.expected = self.model.apply(drop)

    def in_inbox(self):
        """Our drops that are in the inbox, claimed or not: cheaper than asking the database."""
        ours = {drop.name for drop in self.drops[-50:]}
        found = []
        for top, _, names in os.walk(os.fsencode(self.inbox)):
            found += [name for name in names if name in ours]
        return found

    def let_leases_run_out(self):
        """Deliveries that a killed program had in hand are due again: waiting for that would take eleven seconds."""
        self.sql("UPDATE webhook_deliveries SET leased_until = now() WHERE lease IS NOT NULL")

    def is_killed(self, process, seconds=20):
        """Waits until the process has been killed by its tracer, or nothing is left to be done; gives which."""
        deadline = time.monotonic() + seconds
        while process.poll() is None and self.unsettled() and time.monotonic() < deadline:
            time.sleep(0.02)
        return process.poll() is not None

    def settle(self, seconds=60):
        wait(lambda: self.unsettled() is None, lambda: f"{self.unsettled()}\n{self.log()[-4000:]}", seconds, 0.05)


def mode_of(path):
    return stat.S_IMODE(os.stat(path).st_mode)
