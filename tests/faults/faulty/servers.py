"""A server on this machine that cuts, stalls and lies."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FAULTS = ("drops", "stalls", "claims less", "sends other bytes", "is overloaded", "has it no more")
CLAIMS_MORE = "claims more"
"""A lie that does no harm to VOC: all bytes come, and the checksum decides, not the length."""
OVERLOADED_ONCE, NO_LENGTH = "is overloaded once", "tells no length"


@contextmanager
def faulty_server(content: bytes, fault: str) -> Iterator[str]:
    """Serve `content` at every path below the yielded address, with one of `FAULTS`, or whole for any other name."""
    ended = threading.Event()
    claims = {CLAIMS_MORE: len(content) + 1000, "claims less": len(content) - 1000}
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            if fault == "is overloaded" or (fault == OVERLOADED_ONCE and len(asked) == 1):
                self.send_error(503)
                return
            if fault == "has it no more":
                self.send_error(404)
                return
            self.send_response(200)
            if fault != NO_LENGTH:
                self.send_header("Content-Length", str(claims.get(fault, len(content))))
            self.end_headers()
            sent = content[::-1] if fault == "sends other bytes" else content
            self.wfile.write(sent[: len(sent) // 2] if fault in ("drops", "stalls") else sent)
            if fault == "stalls":
                ended.wait(60)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()
