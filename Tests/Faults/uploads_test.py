"""Real uploads: OpenSSH's internal-sftp, rsync, cp, mv, editors, Samba. None is taken early, none is missed."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import model
import oracle
from cluster import wait
from world import IS_SOAK, World


def large(version, count=40_000):
    return model.sequence(0, count, f"v{version}")


class Upload(unittest.TestCase):
    """One import for each upload, of the whole file: the oracle compares the bytes."""

    def local_file(self, world, rows, name="source.csv"):
        folder = f"{world.folder}/local"
        os.makedirs(folder, exist_ok=True)
        os.chmod(folder, 0o755)
        path = f"{folder}/{name}"
        with open(path, "wb") as file:
            file.write(model.csv_bytes(rows))
        os.chmod(path, 0o644)
        return path

    def expect(self, world, rows, name):
        return world.expect(model.Drop(name.encode(), model.csv_bytes(rows), rows))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class SFTPServer:
    """OpenSSH on a loopback port: internal-sftp, and the user can see nothing but a folder with the inbox in it."""

    def __init__(self, world):
        self.folder = tempfile.mkdtemp(prefix="pis-", dir="/tmp")
        os.chmod(self.folder, 0o755)
        self.port = free_port()
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{self.folder}/{name}"], check=True)
        # The chroot and all above it belong to root; only the inbox can be written to.
        self.user = "nobody"
        shutil.chown(world.inbox, "nobody", "nogroup")
        os.makedirs("/run/sshd", exist_ok=True)
        shutil.copy(f"{self.folder}/user.pub", f"{self.folder}/authorized")
        with open(f"{self.folder}/config", "w") as file:
            file.write(f"""
ListenAddress 127.0.0.1
Port {self.port}
HostKey {self.folder}/host
AuthorizedKeysFile {self.folder}/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
ForceCommand internal-sftp
ChrootDirectory {world.folder}
Subsystem sftp internal-sftp
AllowTcpForwarding no
X11Forwarding no
""")
        self.log = open(f"{self.folder}/log", "w")
        self.process = subprocess.Popen(
            ["/usr/sbin/sshd", "-D", "-e", "-f", f"{self.folder}/config"], stdin=subprocess.DEVNULL, stdout=self.log,
            stderr=self.log, start_new_session=True)
        # It ends with the world also when a test is interrupted.
        world.processes.append(self.process)
        wait(self.listens, "sshd listens", 10)

    def listens(self):
        if self.process.poll() is not None:
            with open(f"{self.folder}/log") as file:
                raise unittest.SkipTest(f"LOUD: sshd does not run here: {file.read()}")
        try:
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            return True
        except OSError:
            return False

    def command(self, *options):
        return ["sftp", "-q", "-b", "-", "-P", str(self.port), "-i", f"{self.folder}/user", "-o", "BatchMode=yes",
                "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
                "-o", "IdentityAgent=none", *options, f"{self.user}@127.0.0.1"]

    def run(self, *lines, options=()):
        done = subprocess.run(self.command(*options), input="\n".join(lines) + "\n", text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        if done.returncode:
            raise AssertionError(f"sftp: {done.stdout}")

    def start(self, *lines, options=()):
        process = subprocess.Popen(self.command(*options), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL, text=True, start_new_session=True)
        process.stdin.write("\n".join(lines) + "\n")
        process.stdin.close()
        return process

    def close(self):
        # Its sessions are in its process group, but for those that made one of their own.
        children = subprocess.run(["ps", "-o", "pid=", "--ppid", str(self.process.pid)], text=True,
                                  stdout=subprocess.PIPE).stdout.split()
        for pid in map(int, children):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.kill()
        self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class SFTP(Upload):
    def setUp(self):
        if os.geteuid() != 0 or not os.path.exists("/usr/sbin/sshd"):
            self.skipTest("LOUD: needs root and Debian's openssh-server")
        # sshd takes no chroot below a folder that others can write to.
        self.world = World(parent="/srv")
        self.addCleanup(self.world.close)
        self.server = SFTPServer(self.world)
        self.addCleanup(self.server.close)
        self.watcher = self.world.start()
        self.world.wait_until_watching(self.watcher)

    def test_whole(self):
        for number in range(3):
            path = self.local_file(self.world, large(number))
            self.server.run(f"put {path} /inbox/whole-{number}.csv")
            self.expect(self.world, large(number), f"whole-{number}.csv")
            oracle.check(self, self.world)

    def test_slow(self):
        """Over four seconds, written to all the time: taken only when it is closed, and its pointer says why it waits."""
        rows = large(1, 8000)
        path = self.local_file(self.world, rows)
        kilobits = os.path.getsize(path) * 8 // 1000 // 4
        process = self.server.start(f"put {path} /inbox/slow.csv", options=("-l", str(kilobits)))
        self.addCleanup(process.wait)
        progress = self.world.wait_for("slow.csv", "waiting", 15)
        self.assertIn("Still being written", progress["message"])
        self.assertEqual(process.wait(timeout=60), 0)
        self.expect(self.world, rows, "slow.csv")
        oracle.check(self, self.world)

    def test_temporary_name_then_rename(self):
        rows = large(2)
        path = self.local_file(self.world, rows)
        self.server.run(f"put {path} /inbox/.up.csv.part", "rename /inbox/.up.csv.part /inbox/up.csv")
        self.expect(self.world, rows, "up.csv")
        self.server.run(f"put {path} /inbox/again.filepart", "rename /inbox/again.filepart /inbox/again.csv")
        self.expect(self.world, rows, "again.csv")
        oracle.check(self, self.world)

    def test_cut_off_and_resumed(self):
        """Cut off in the middle under a temporary name, then resumed with reput and renamed: one import, of the whole."""
        rows = large(3, 30_000)
        path = self.local_file(self.world, rows)
        size = os.path.getsize(path)
        process = self.server.start(f"put {path} /inbox/resumed.csv.part", options=("-l", str(size * 8 // 1000 // 4)))
        there = f"{self.world.inbox}/resumed.csv.part"
        wait(lambda: os.path.exists(there) and size // 5 < os.path.getsize(there) < size, "it is half there", 20)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        time.sleep(1)
        self.assertEqual(self.world.value("SELECT count(*) FROM imports"), "0")
        self.server.run(f"reput {path} /inbox/resumed.csv.part",
                        "rename /inbox/resumed.csv.part /inbox/resumed.csv")
        self.expect(self.world, rows, "resumed.csv")
        oracle.check(self, self.world)

    def test_cut_off_under_its_own_name(self):
        """The server closes what broke off as if it were whole: nobody can tell it from a whole file by its close.

        A half row is not applied; the whole file, sent again, brings everything in order.
        """
        rows = large(4, 30_000)
        path = self.local_file(self.world, rows)
        size = os.path.getsize(path)
        process = self.server.start(f"put {path} /inbox/cut.csv", options=("-l", str(size * 8 // 1000 // 4)))
        there = f"{self.world.inbox}/cut.csv"
        wait(lambda: os.path.exists(there) and size // 5 < os.path.getsize(there) < size, "it is half there", 20)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        progress = self.world.wait_for("cut.csv")
        whole = model.csv_bytes(rows)
        with open(f"{self.world.outbox}/{progress['id']}/cut.csv", "rb") as file:
            there = file.read()
        self.assertTrue(whole.startswith(there) and len(there) < size)
        lines = there.split(b"\r\n")[1:]
        complete = len(lines) - 1
        half = 1 if lines[-1].count(b",") < 3 and lines[-1] else 0
        kept = rows[:complete]
        if lines[-1] and not half:
            kept = kept + [tuple(lines[-1].decode().rstrip("\r").split(","))]
        drop = model.Drop(b"cut.csv", there, kept, rejected=half)
        if lines[-1] and not half and kept[-1][3] == "":
            kept[-1] = (*kept[-1][:3], "")
        self.world.expect(drop)
        oracle.check(self, self.world)
        self.server.run(f"put {path} /inbox/cut.csv")
        self.expect(self.world, rows, "cut.csv")
        oracle.check(self, self.world)


class AsyncSSH(Upload):
    """The same server, and a program that has the library asyncssh for its client."""

    PYTHON = os.path.abspath(f"{os.path.dirname(__file__)}/../../.build/python/bin/python")

    setUp = SFTP.setUp

    def start(self, deed, path, name):
        if not os.path.exists(self.PYTHON):
            self.skipTest("LOUD: needs asyncssh, which `scripts/prepare test` puts into .build/python")
        return subprocess.Popen(
            [self.PYTHON, f"{os.path.dirname(os.path.abspath(__file__))}/asyncssh_client.py", str(self.server.port),
             self.server.user, f"{self.server.folder}/user", deed, path, f"/inbox/{name}"],
            stdin=subprocess.DEVNULL, start_new_session=True)

    def run_client(self, deed, path, name):
        self.assertEqual(self.start(deed, path, name).wait(timeout=60), 0, deed)

    def test_whole(self):
        for number in range(3):
            path = self.local_file(self.world, large(number))
            self.run_client("put", path, f"whole-{number}.csv")
            self.expect(self.world, large(number), f"whole-{number}.csv")
            oracle.check(self, self.world)

    def test_slow(self):
        rows = large(1, 8000)
        path = self.local_file(self.world, rows)
        process = self.start("slow", path, "slow.csv")
        progress = self.world.wait_for("slow.csv", "waiting", 15)
        self.assertIn("Still being written", progress["message"])
        self.assertEqual(process.wait(timeout=60), 0)
        self.expect(self.world, rows, "slow.csv")
        oracle.check(self, self.world)

    def test_cut_off_resumed_and_renamed(self):
        rows = large(3, 30_000)
        path = self.local_file(self.world, rows)
        self.run_client("cut", path, "resumed.csv.part")
        time.sleep(1)
        self.assertEqual(self.world.value("SELECT count(*) FROM imports"), "0")
        self.run_client("resume", path, "resumed.csv.part")
        self.expect(self.world, rows, "resumed.csv")
        oracle.check(self, self.world)


class Rsync(Upload):
    def setUp(self):
        if not shutil.which("rsync"):
            self.skipTest("LOUD: needs Debian's rsync")

    def test_with_and_without_inplace(self):
        with World() as world:
            world.start()
            for number, options in enumerate((["-t"], ["--inplace"], ["-a"], ["--append"], ["--partial"])):
                rows = large(number, 20_000)
                path = self.local_file(world, rows, f"rsync-{number}.csv")
                status = subprocess.run(["rsync", *options, path, f"{world.inbox}/"],
                                        stderr=subprocess.DEVNULL).returncode
                # In place, rsync sets times and permissions after it has closed the file, which by then is claimed.
                self.assertIn(status, (0, 23) if options[0] in ("--inplace", "--append") else (0,))
                self.expect(world, rows, f"rsync-{number}.csv")
                oracle.check(self, world)

    def test_slow_and_in_place(self):
        """--inplace with a limited rate: the name is there from the start, and is taken only at the end."""
        with World() as world:
            world.start()
            rows = large(9, 40_000)
            path = self.local_file(world, rows, "inplace.csv")
            process = subprocess.Popen(["rsync", "--inplace", "--whole-file", f"--bwlimit={os.path.getsize(path) // 3000}",
                                        path, f"{world.inbox}/"], start_new_session=True)
            world.wait_for("inplace.csv", "waiting", 15)
            self.assertIn(process.wait(timeout=60), (0, 23))
            self.expect(world, rows, "inplace.csv")
            oracle.check(self, world)

    def test_cut_off(self):
        """Without --inplace, rsync writes under a hidden name: what is cut off leaves nothing that is taken."""
        with World() as world:
            world.start()
            rows = large(8, 40_000)
            path = self.local_file(world, rows, "cut.csv")
            process = subprocess.Popen(["rsync", "--whole-file", f"--bwlimit={os.path.getsize(path) // 3000}", path,
                                        f"{world.inbox}/"], stderr=subprocess.DEVNULL, start_new_session=True)
            wait(lambda: any(name.startswith(".cut.csv.") for name in os.listdir(world.inbox)), "it is there", 10)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            time.sleep(1)
            for name in os.listdir(world.inbox):
                if name.startswith(".cut.csv."):
                    os.unlink(f"{world.inbox}/{name}")
            subprocess.run(["rsync", path, f"{world.inbox}/"], check=True)
            self.expect(world, rows, "cut.csv")
            oracle.check(self, world)


class LocalPrograms(Upload):
    def test_cp_and_mv(self):
        with World() as world:
            world.start()
            rows = large(1, 20_000)
            path = self.local_file(world, rows)
            subprocess.run(["cp", path, f"{world.inbox}/cp.csv"], check=True)
            self.expect(world, rows, "cp.csv")
            world.settle()
            subprocess.run(["cp", "-p", path, f"{world.inbox}/cp-p.csv"], check=True)
            self.expect(world, rows, "cp-p.csv")
            world.settle()
            subprocess.run(["mv", path, f"{world.inbox}/mv.csv"], check=True)
            self.expect(world, rows, "mv.csv")
            oracle.check(self, world)
            # From another file system: mv copies, as cp does.
            if os.path.isdir("/dev/shm") and os.stat("/dev/shm").st_dev != os.stat(world.inbox).st_dev:
                with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
                    with open(f"{folder}/far.csv", "wb") as file:
                        file.write(model.csv_bytes(rows))
                    subprocess.run(["mv", f"{folder}/far.csv", f"{world.inbox}/far.csv"], check=True)
                self.expect(world, rows, "far.csv")
                oracle.check(self, world)

    def test_editors(self):
        """Save patterns: written in place with truncation; a new file renamed over the old; a swap file beside it; a
        backup made by a rename, and a second name for a moment."""
        with World() as world:
            world.start()
            def text(label):
                return [("A", label, "", "t"), ("B", label, "", "f")]

            def path(name):
                return f"{world.inbox}/{name}"

            # vim: a swap file, and the file written under its own name.
            with open(path(".vim.csv.swp"), "wb") as swap, open(path("vim.csv"), "wb") as file:
                swap.write(b"swap")
                file.write(model.csv_bytes(text("vim")))
            os.unlink(path(".vim.csv.swp"))
            self.expect(world, text("vim"), "vim.csv")
            world.settle()
            # gedit, kate: a hidden file renamed over the name.
            with open(path(".goutputstream-X"), "wb") as file:
                file.write(model.csv_bytes(text("gedit")))
            os.rename(path(".goutputstream-X"), path("gedit.csv"))
            self.expect(world, text("gedit"), "gedit.csv")
            world.settle()
            # emacs: a lock that is a link to nowhere, and a backup with a tilde.
            os.symlink("user@host.1:1", path(".#emacs.csv"))
            with open(path("emacs.csv~"), "wb") as file:
                file.write(b"old")
            with open(path("emacs.csv"), "wb") as file:
                file.write(model.csv_bytes(text("emacs")))
            os.unlink(path(".#emacs.csv"))
            os.unlink(path("emacs.csv~"))
            self.expect(world, text("emacs"), "emacs.csv")
            world.settle()
            # LibreOffice: a lock file, and a temporary file copied over the name.
            with open(path(".~lock.calc.csv#"), "wb") as file:
                file.write(b"lock")
            with open(path("lu1.tmp"), "wb") as file:
                file.write(model.csv_bytes(text("calc")))
            shutil.copyfile(path("lu1.tmp"), path("calc.csv"))
            os.unlink(path("lu1.tmp"))
            self.expect(world, text("calc"), "calc.csv")
            world.settle()
            os.unlink(path(".~lock.calc.csv#"))
            # A program that puts the file in place by a second name.
            with open(path(".linked.part"), "wb") as file:
                file.write(model.csv_bytes(text("linked")))
            os.link(path(".linked.part"), path("linked.csv"))
            os.unlink(path(".linked.part"))
            self.expect(world, text("linked"), "linked.csv")
            oracle.check(self, world)


@unittest.skipUnless(IS_SOAK, "in the long part")
class Samba(Upload):
    def test_smbclient(self):
        if os.geteuid() != 0 or not shutil.which("smbd") or not shutil.which("smbclient"):
            self.skipTest("LOUD: needs root and Debian's samba and smbclient")
        with World() as world:
            folder = tempfile.mkdtemp(prefix="pib-", dir="/tmp")
            os.chmod(folder, 0o755)
            port = free_port()
            with open(f"{folder}/smb.conf", "w") as file:
                file.write(f"""
[global]
  interfaces = 127.0.0.1
  bind interfaces only = yes
  smb ports = {port}
  map to guest = Bad User
  guest account = root
  disable spoolss = yes
  load printers = no
  log file = {folder}/log
  pid directory = {folder}
  private dir = {folder}
  lock directory = {folder}
  state directory = {folder}
  cache directory = {folder}
  ncalrpc dir = {folder}/ncalrpc
  passdb backend = smbpasswd:{folder}/smbpasswd
[inbox]
  path = {world.inbox}
  guest ok = yes
  read only = no
""")
            server = subprocess.Popen(["smbd", "-F", "--no-process-group", "-s", f"{folder}/smb.conf"],
                                      stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                      start_new_session=True)
            try:
                wait(lambda: subprocess.run(["smbclient", "-N", "-p", str(port), "//127.0.0.1/inbox", "-c", "ls"],
                                            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                            stderr=subprocess.DEVNULL).returncode == 0, "smbd answers", 20, 0.3)
                world.start()
                for number in range(3):
                    rows = large(number, 30_000)
                    path = self.local_file(world, rows)
                    subprocess.run(["smbclient", "-N", "-p", str(port), "//127.0.0.1/inbox", "-c",
                                    f"put {path} smb-{number}.csv"], check=True, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                    self.expect(world, rows, f"smb-{number}.csv")
                    oracle.check(self, world)
                rows = large(7, 30_000)
                path = self.local_file(world, rows)
                subprocess.run(["smbclient", "-N", "-p", str(port), "//127.0.0.1/inbox", "-c",
                                f"put {path} smb.part; rename smb.part renamed.csv"], check=True,
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                self.expect(world, rows, "renamed.csv")
                oracle.check(self, world)
            finally:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()
                shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    unittest.main()
