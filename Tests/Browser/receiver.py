"""A receiver of webhooks on this machine, which remembers what it got."""

import http.server
import threading


class Receiver:
    def __init__(self):
        self.messages = []
        # The status with which a path answers.
        self.answers = {"/turn": 500}
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                receiver.messages.append((self.path, dict(self.headers)))
                self.send_response(receiver.answers.get(self.path, 200))
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
