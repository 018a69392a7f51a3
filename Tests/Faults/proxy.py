"""A TCP proxy before the server that loses the answer to a COMMIT: the client sent it, and the line goes dead."""

import os
import socket
import threading


class CommitCutter:
    """Relays to a server's Unix socket. Once armed, the next COMMIT of one kind of connection goes through; its answer
    does not, and the connection is cut.

    Statements are prepared, so their text goes over a connection once: it tells what the connection is for.
    """

    def __init__(self, target):
        self.target = target
        self.cuts = 0
        self._armed = 0
        self._needle = b""
        self._lock = threading.Lock()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, needle, times=1, after=True):
        """needle: a statement that the connection has prepared. after: whether the server gets the COMMIT."""
        with self._lock:
            self._armed, self._needle, self._after = times, needle, after

    def _accept(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self._relay, args=(client,), daemon=True).start()

    def _relay(self, client):
        server = socket.socket(socket.AF_UNIX)
        try:
            server.connect(self.target)
        except OSError:
            client.close()
            return
        state = {"seen": b"", "cut": False}

        def back():
            try:
                while data := server.recv(65536):
                    if state["cut"]:
                        break
                    client.sendall(data)
            except OSError:
                pass
            # The server has answered, or is gone: the client hears nothing of it.
            for end in (client, server):
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

        threading.Thread(target=back, daemon=True).start()
        try:
            while data := client.recv(65536):
                with self._lock:
                    state["seen"] = (state["seen"] + data)[-1 << 20:]
                    if self._armed and b"COMMIT\0" in data and self._needle in state["seen"]:
                        self._armed -= 1
                        self.cuts += 1
                        state["cut"] = True
                        if not self._after:
                            server.shutdown(socket.SHUT_RDWR)
                            break
                server.sendall(data)
        except OSError:
            pass
        finally:
            if not state["cut"]:
                for end in (client, server):
                    try:
                        end.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass

    def close(self):
        self.server.close()


def unix_socket(cluster):
    return os.path.join(cluster.folder, f".s.PGSQL.{cluster.port}")
