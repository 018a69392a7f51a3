#!/usr/bin/env python3
"""A receiver of webhooks: WEBHOOK_SECRET=whsec_… docs/samples/receiver.py [PORT]

Checks signature and age as Standard Webhooks says, forgets nothing it has seen, answers at once and works afterwards.
"""
import base64
import hashlib
import hmac
import http.server
import json
import os
import queue
import sys
import threading
import time

KEY = base64.b64decode(os.environ["WEBHOOK_SECRET"].removeprefix("whsec_"))
TOLERANCE = 5 * 60
work = queue.Queue()
seen = set()  # a table with a unique column, where it must outlive a restart


def is_genuine(headers, body):
    identity, timestamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not timestamp.isdigit() or abs(time.time() - int(timestamp)) > TOLERANCE:
        return False
    signed = f"{identity}.{timestamp}.".encode() + body
    expected = "v1," + base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    # Several while a secret is being changed.
    return any(hmac.compare_digest(expected, given) for given in headers.get("webhook-signature", "").split())


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        if not is_genuine(self.headers, body):
            self.answer(401)
            return
        identity = self.headers["webhook-id"]
        if identity not in seen:  # what comes twice has the same id
            seen.add(identity)
            work.put(json.loads(body))
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_):
        pass


def process():
    while True:
        message = work.get()
        print(message["type"], message["data"].get("message", ""), flush=True)


if __name__ == "__main__":
    threading.Thread(target=process, daemon=True).start()
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9009
    http.server.ThreadingHTTPServer(("127.0.0.1", port), Receiver).serve_forever()
