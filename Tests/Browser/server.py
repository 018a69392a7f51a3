"""The program itself, with an embedded database and folders of its own, for the length of a test class."""

import json
import os
import re
import signal
import subprocess
import tempfile
import time
import urllib.request


class Server:
    def __init__(self, **settings):
        self.folder = tempfile.TemporaryDirectory(prefix="importer-")
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith("IMPORTER_") and key not in ("DATABASE_URL", "PORT")}
        environment.update(IMPORTER_PORT="0", IMPORTER_LOG_LEVEL="error", **settings)
        os.chmod(self.folder.name, 0o755)
        self.log = open(f"{self.folder.name}/log", "w+")
        self.process = subprocess.Popen(
            [os.environ["PROGRAM"], "up"], cwd=self.folder.name, env=environment, stdout=subprocess.PIPE,
            stderr=self.log, text=True)
        self.url = self._address()

    def _address(self):
        for line in self.process.stdout:
            found = re.search(r"browser at +(http://\S+)/", line)
            if found:
                return found.group(1)
        self.log.seek(0)
        raise RuntimeError(f"the program did not start: {self.log.read()}")

    def ask(self, path, method="GET", body=None):
        """Sends JSON and gives back what is answered, as a value."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.url}/{path}", data=data, method=method, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)

    def read(self, path):
        with urllib.request.urlopen(f"{self.url}/{path}", timeout=60) as response:
            return response.read()

    def write(self, name, content):
        path = f"{self.folder.name}/{name}"
        with open(path, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
        return path

    def drop(self, name, content, folder="inbox"):
        """Drops a file into the inbox and waits for the end of its import."""
        hidden = self.write(f"{folder}/.{name}.new", content)
        os.rename(hidden, f"{self.folder.name}/{folder}/{name}")
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            items = self.ask("api/imports")["items"]
            found = [item for item in items if item["file"] == name]
            if found and found[0]["state"] in ("completed", "failed", "cancelled"):
                return found[0]
            time.sleep(0.1)
        raise AssertionError(f"{name} was not imported")

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)
        self.process.stdout.close()
        self.log.close()
        self.folder.cleanup()
