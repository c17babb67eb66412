"""A relay between Hardpan and the simulator that keeps what Hardpan sent.

It is the witness for "this never reached AWS": it reads the bytes on the wire and trusts nobody's report of
them. It relays both ways unchanged and passes on how a connection ended, clean or torn; it answers nothing.
"""

import json
import re
import socket
import struct
import threading


class Request:
    def __init__(self, target, headers, body):
        self.target = target
        self.headers = headers
        self.body = body

    def json(self):
        return json.loads(self.body)


class Wire:
    """Listens on a free loopback port; `url` is what Hardpan is told to send to."""

    def __init__(self, upstream_url):
        host, port = upstream_url.removeprefix("http://").split(":")
        self._upstream = (host, int(port))
        self._lock = threading.Lock()
        self._sent = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        self._listener.close()

    def bytes_sent(self):
        """Every byte Hardpan sent so far, connection by connection."""
        with self._lock:
            return b"".join(bytes(sent) for sent in self._sent)

    def requests(self):
        """The complete HTTP/1.1 requests Hardpan sent so far."""
        with self._lock:
            connections = [bytes(sent) for sent in self._sent]
        return [request for sent in connections for request in _requests(sent)]

    def forget(self):
        with self._lock:
            for sent in self._sent:
                sent.clear()

    def _accept(self):
        while True:
            try:
                downstream, _ = self._listener.accept()
            except OSError:
                return
            try:
                upstream = socket.create_connection(self._upstream)
            except OSError:
                downstream.close()
                continue
            sent = bytearray()
            with self._lock:
                self._sent.append(sent)
            for connection in (downstream, upstream):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._pump, args=(downstream, upstream, sent), daemon=True).start()
            threading.Thread(target=self._pump, args=(upstream, downstream, None), daemon=True).start()

    def _pump(self, source, sink, kept):
        try:
            while chunk := source.recv(65536):
                if kept is not None:
                    with self._lock:
                        kept += chunk
                sink.sendall(chunk)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            # A torn connection is torn on the other side too: linger 0 makes the close a reset.
            for end in (source, sink):
                try:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
                end.close()


def _requests(sent):
    found = []
    while b"\r\n\r\n" in sent:
        head, _, rest = sent.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }
        match = re.fullmatch(r"[A-Z]+ (\S+) HTTP/1\.1", first)
        if not match:
            raise AssertionError(f"not an HTTP/1.1 request line: {first[:80]!r}")
        length = int(headers.get("content-length", "0"))
        if len(rest) < length:
            break
        found.append(Request(match.group(1), headers, rest[:length]))
        sent = rest[length:]
    return found
