"""The API against its own description: whatever schemathesis thinks of, the answers are as described."""

import os
import subprocess
import unittest

from server import Server


# Webhooks reach out to other machines, so their routes are tried where nothing happens that could be announced, and
# without the one that sends.
WEBHOOKS = "^/api/(webhooks|deliveries)"


class Schema(unittest.TestCase):
    def run_against(self, *options):
        server = Server()
        self.addCleanup(server.stop)
        server.drop("three.csv", "sku,name\n1,One\n2,Two\n,bad\n")
        run = subprocess.run(
            [os.environ["SCHEMATHESIS"], "run", f"{server.url}/openapi.json", "--max-examples", "15", "--seed", "1",
             *options, "--phases", "examples,coverage,fuzzing", "--request-timeout", "30",
             "--generation-database", "none",
             "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,"
                         "response_headers_conformance,response_schema_conformance"],
            capture_output=True, text=True, cwd=server.folder.name)
        self.assertEqual(run.returncode, 0, run.stdout[-8000:] + run.stderr[-2000:])

    def test_every_answer_is_as_described(self):
        self.run_against("--exclude-path-regex", WEBHOOKS)

    def test_every_answer_of_webhooks_is_as_described(self):
        self.run_against("--include-path-regex", WEBHOOKS, "--exclude-path-regex", "/(test|resend)$")


if __name__ == "__main__":
    unittest.main()
