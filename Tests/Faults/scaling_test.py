"""Twice the input takes at most two and a half times the time, also for the worst of inputs."""

import os
import subprocess
import unittest

from world import IS_SOAK, PROGRAM, World

MEBIBYTES = 48 if IS_SOAK else 12
LIMIT = 2.5


def inputs(size):
    """Contents of about `size` bytes, by name."""
    def fill(piece):
        return piece * (size // len(piece))

    header = b"sku,name\n"
    yield "all quotes", header + b'"' * size
    yield "all quotes but the last", header + b'A,"' + b'""' * (size // 2) + b'"\n'
    yield "a quote in each line", header + fill(b'A,"b\n')
    yield "quotes that are closed wrongly", header + fill(b'A,"b"c\n')
    yield "all delimiters", header + b"," * size
    yield "a header of delimiters", b"sku" + b"," * size + b"\n"
    yield "all semicolons under a header with commas", header + b";" * size
    yield "all line feeds", header + b"\n" * size
    yield "all carriage returns", header + b"\r" * size
    yield "one huge field", header + b"A," + b"x" * size + b"\n"
    yield "one huge quoted field", header + b'A,"' + b"x" * size + b'"\n'
    yield "a huge quoted field of line breaks", header + b'A,"' + b"\r\n" * (size // 2) + b'"\n'
    yield "one SKU in all cases", header + b"".join(
        b"".join(bytes([c ^ 32]) if n >> i & 1 else bytes([c]) for i, c in enumerate(b"abcdefghijklmnop")) + b",x\n"
        for n in range(size // 19))
    yield "one SKU beyond ASCII in both cases", header + fill("ÄÖÜ,x\näöü,x\n".encode())
    yield "short lines", header + fill(b"A\n")
    yield "all NUL", header + b"\0" * size
    yield "all bytes that are no UTF-8", header + "ä\n".encode() + fill(b"A,\xff\n")
    yield "one line of bytes that are no UTF-8", header + "ä\n".encode() + b"A," + b"\xff" * size
    yield "different SKUs", header + b"".join(b"SKU-%d,x\n" % n for n in range(size // 14))
    yield "SKUs of one long prefix", header + b"".join(b"%s%d,x\n" % (b"p" * 200, n) for n in range(size // 210))
    yield "UTF-16", b"\xff\xfe" + ("sku,name\n" + "A,b\n" * (size // 8)).encode("utf-16-le")
    yield "white space", header + b" " * size


class Scaling(unittest.TestCase):
    def seconds(self, world, content):
        """Processor time of the import command, which leaves the server's and other programs' aside."""
        path = f"{world.folder}/input.csv"
        with open(path, "wb") as file:
            file.write(content)
        best = None
        for _ in range(3 if IS_SOAK else 2):
            process = subprocess.Popen([PROGRAM, "import", "--dry-run", "--json", path], cwd=world.folder,
                                       env={**world.environment, "IMPORTER_MAX_REJECT_PERCENT": "100"},
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.assertIn(process.returncode, (0, 1))
            seconds = usage.ru_utime + usage.ru_stime
            best = seconds if best is None else min(best, seconds)
        return best

    def test_twice_the_input(self):
        size = MEBIBYTES << 20
        worst = []
        with World(webhook=False, reads_progress=False) as world:
            for (name, once), (_, twice) in zip(inputs(size), inputs(2 * size)):
                first, second = self.seconds(world, once), self.seconds(world, twice)
                # A tenth of a second is the program's start.
                ratio = second / max(first, 0.1)
                worst.append((ratio, name, first, second))
                self.assertLessEqual(ratio, LIMIT, f"{name}: {first:.2f} s, then {second:.2f} s")
        worst.sort(reverse=True)
        print("\n  " + "; ".join(f"{name} {first:.2f} → {second:.2f} s ({ratio:.2f})"
                                 for ratio, name, first, second in worst[:4]), flush=True)


if __name__ == "__main__":
    unittest.main()
