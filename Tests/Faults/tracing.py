"""strace, attached to one thread of the program.

strace counts the calls of each thread by itself, so a call is named by its thread, its name and its number there.
"""

import os
import subprocess
import time

from cluster import wait


def threads(pid):
    """Thread ids by name. Names are cut to 15 bytes by the kernel."""
    found = {}
    for task in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{task}/comm") as file:
                found.setdefault(file.read().strip(), int(task))
        except OSError:
            pass
    return found


class Tracer:
    """Attached to a thread until it is stopped or the program ends."""

    def __init__(self, pid, thread, call, fault, output="/dev/null"):
        task = wait(lambda: threads(pid).get(thread), f"the thread {thread}", 20)
        self.process = subprocess.Popen(
            ["strace", "-qq", "-o", output, "-p", str(task), "-e", f"trace={call}", "-e", "signal=none",
             "-e", f"inject={call}:{fault}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)

        def attached():
            # It may be that fast, and have ended with the program.
            if self.process.poll() is not None:
                if errors := self.process.stderr.read().decode():
                    raise AssertionError(f"strace: {errors}")
                return True
            try:
                with open(f"/proc/{pid}/task/{task}/status") as status:
                    return "TracerPid:\t0\n" not in status.read()
            except OSError:
                return True
        wait(attached, "strace attached", 20, 0.005)
        # Attached is not yet running again with the fault in place.
        time.sleep(0.03)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()


def under(call, fault):
    """A command line that runs the program with a fault from its start on, whatever the thread."""
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", "signal=none",
            "-e", f"inject={call}:{fault}"]
