"""Runs the tests and prints how long each took and a tally: `Tests/Faults/run` calls it."""

import os
import sys
import time
import unittest
import warnings


class Result(unittest.TextTestResult):
    def startTest(self, test):
        self.began = time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        print(f"{time.monotonic() - self.began:6.1f} s  {'.'.join(test.id().split('.')[-3:])}", file=sys.stderr, flush=True)
        super().stopTest(test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"\n*** SKIPPED: {test.id()}: {reason}", file=sys.stderr, flush=True)


def main():
    # Sockets of clients that were killed are closed by the collector.
    warnings.simplefilter("ignore", ResourceWarning)
    names = sys.argv[1:]
    loader = unittest.TestLoader()
    here = os.path.dirname(os.path.abspath(__file__))
    suite = loader.loadTestsFromNames(names) if names else loader.discover(here, "*_test.py")
    began = time.monotonic()
    result = unittest.TextTestRunner(resultclass=Result, warnings="ignore").run(suite)
    bad = len(result.failures) + len(result.errors)
    print(f"Faults: {result.testsRun} tests in {time.monotonic() - began:.0f} s, {bad} failed, "
          f"{len(result.skipped)} skipped")
    sys.exit(1 if bad or result.unexpectedSuccesses else 0)


if __name__ == "__main__":
    main()
