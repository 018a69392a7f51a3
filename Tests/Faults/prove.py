"""Runs the tests, a few classes side by side, and prints how long each test took and a tally: `Tests/Faults/run` calls it."""

import io
import multiprocessing
import os
import signal
import sys
import time
import unittest

import cluster
import tally
import world

JOBS = int(os.environ.get("FAULTS_JOBS", "3"))
HERE = os.path.dirname(os.path.abspath(__file__))


class Result(unittest.TextTestResult):
    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        name = ".".join(test.id().split(".")[-3:])
        print(f"{time.monotonic() - self.began:6.1f} s  {name}", file=self.stream, flush=True)
        super().stopTest(test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"\n*** SKIPPED: {test.id()}: {reason}", file=self.stream, flush=True)


def classes(names):
    """The tests by their class: what one process runs."""
    loader = unittest.TestLoader()
    suite = loader.loadTestsFromNames(names) if names else loader.discover(HERE, "*_test.py")
    if loader.errors:
        sys.exit("\n".join(loader.errors))
    found = {}

    def collect(suite):
        for part in suite:
            if isinstance(part, unittest.TestSuite):
                collect(part)
            else:
                found.setdefault(f"{type(part).__module__}.{type(part).__qualname__}", []).append(part)
    collect(suite)
    return found


def run(tests, answers):
    """In a process of its own: runs a class, and gives what it printed and the numbers."""
    output = io.StringIO()
    sys.stdout = output
    runner = unittest.TextTestRunner(stream=output, resultclass=Result, warnings="ignore")
    try:
        result = runner.run(unittest.TestSuite(tests))
    finally:
        world.close_all()
        cluster.remove_all()
    answers.put((output.getvalue(), result.testsRun, len(result.failures) + len(result.errors), len(result.skipped)))


def interrupted(*_):
    # The one exception that the test runner does not take for a test's own.
    raise KeyboardInterrupt


def main():
    # What a test starts ends with it also when it is interrupted: here and in the processes that are made here.
    signal.signal(signal.SIGTERM, interrupted)
    began = time.monotonic()
    waiting = list(classes(sys.argv[1:]).values())
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    running, numbers, shown = [], [0, 0, 0], []
    ended = 0
    count = len(waiting)
    try:
        while ended < count:
            while waiting and len(running) - ended < JOBS:
                process = context.Process(target=run, args=(waiting.pop(0), answers))
                process.start()
                running.append(process)
            if answers.empty():
                if not any(process.is_alive() for process in running) and answers.empty():
                    sys.exit("a process of tests ended without an answer")
                time.sleep(0.1)
                continue
            text, *more = answers.get()
            ended += 1
            numbers = [a + b for a, b in zip(numbers, more)]
            shown += tally.lines(text)
            print(text, flush=True)
    finally:
        for process in running:
            if process.is_alive():
                process.terminate()
            process.join(20)
            process.kill()
    print("\n".join(shown) + "\n")
    print(f"Faults ({os.environ.get('FAULTS_PART', 'quick')}): {numbers[0]} tests in {time.monotonic() - began:.0f} s, "
          f"{numbers[1]} failed, {numbers[2]} skipped")
    sys.exit(1 if numbers[1] else 0)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
