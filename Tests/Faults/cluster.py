"""A PostgreSQL cluster of the tests' own: default settings, a Unix socket, and a TCP port for the proxy."""

import atexit
import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time

import libpq

BINARIES = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]


def _as_owner():
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    account = pwd.getpwnam("postgres")
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


# Those of this process that are still there.
_clusters = []


def remove_all():
    for cluster in list(_clusters):
        cluster.remove()


class Cluster:
    def __init__(self, **settings):
        # A socket's path has at most 107 bytes.
        self.folder = tempfile.mkdtemp(prefix="pif-", dir="/tmp")
        self.data = f"{self.folder}/data"
        self.settings = settings
        self._databases = 0
        os.mkdir(self.data, 0o700)
        if owner := _as_owner():
            for path in (self.folder, self.data):
                os.chown(path, owner["user"], owner["group"])
        os.chmod(self.folder, 0o755)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.owner = os.getpid()
        _clusters.append(self)
        self._run("initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")
        self.start()

    def _run(self, name, *arguments):
        done = subprocess.run([f"{BINARIES}/{name}", *arguments], cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **_as_owner())
        if done.returncode:
            raise RuntimeError(f"{name}: {done.stdout}")

    def start(self):
        options = f"-k {self.folder} -p {self.port} -c listen_addresses=127.0.0.1"
        for key, value in self.settings.items():
            options += f" -c {key}={value}"
        # The server must not inherit a pipe, whose reader would wait for its end.
        done = subprocess.run([f"{BINARIES}/pg_ctl", "start", "-w", "-t", "60", "-D", self.data, "-o", options,
                               "-l", f"{self.folder}/log"], cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **_as_owner())
        if done.returncode:
            with open(f"{self.folder}/log", errors="replace") as log:
                raise RuntimeError(f"the cluster did not start: {log.read()[-2000:]}")

    def stop(self, mode="immediate"):
        self._run("pg_ctl", "stop", "-w", "-m", mode, "-D", self.data)

    @property
    def is_running(self):
        return os.path.exists(f"{self.data}/postmaster.pid")

    def remove(self):
        if self not in _clusters or self.owner != os.getpid():
            return
        _clusters.remove(self)
        if self.is_running:
            try:
                self.stop()
            except RuntimeError:
                pass
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database, user="postgres", host=None, port=None, password=None):
        secret = f":{password}" if password else ""
        return (f"postgresql://{user}{secret}@/{database}?host={host or self.folder}&port={port or self.port}")

    def new_database(self, template="template0", **options):
        self._databases += 1
        name = f"faults_{os.getpid()}_{self._databases}"
        more = "".join(f" {key} {value}" for key, value in options.items())
        self.sql("postgres", f"CREATE DATABASE {name} TEMPLATE {template}{more}")
        return name

    def sql(self, database, statement, timeout=60):
        """The answer as lists of texts, one a row; NULL is an empty text."""
        return libpq.rows(f"host={self.folder} port={self.port} user=postgres dbname={database} connect_timeout=10 "
                          f"options='-c statement_timeout={timeout}s'", statement)

    def value(self, database, statement):
        rows = self.sql(database, statement)
        return rows[0][0] if rows else None

    def copy(self, database, query):
        """A query's rows in the text form of COPY."""
        done = subprocess.run(
            [f"{BINARIES}/psql", "-Xq", "-h", self.folder, "-p", str(self.port), "-U", "postgres", "-d", database,
             "-c", f"COPY ({query}) TO STDOUT"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, timeout=120)
        return done.stdout


atexit.register(remove_all)
_shared = None


def shared():
    """One cluster for all tests that do it no harm."""
    global _shared
    if _shared is None or not os.path.exists(_shared.folder):
        _shared = Cluster()
    if not _shared.is_running:
        _shared.start()
    return _shared


def wait(condition, what, seconds=60.0, pause=0.02):
    """Waits until `condition` gives something true, and gives that back."""
    deadline = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what() if callable(what) else what}")
        time.sleep(pause)
