"""A server that answers as Hugging Face does, for tests."""

import hashlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler

NAME = "pvt_v2_b0.in1k"


@dataclass
class Hub:
    """A server that answers as Hugging Face does: heads with headers of its own, a redirect to another host.

    Attributes:
        files: revision → content; the last one is `main`.
        mood: how it fails.
        asked: method and path of each request.
    """

    files: dict[str, bytes]
    mood: str = ""
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def handler(hub) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                hub.asked.append(f"HEAD {self.path}")
                hub.answer(self)

            def do_GET(self) -> None:
                hub.asked.append(f"GET {self.path}")
                hub.answer(self)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        if self.mood in ("401", "404", "503"):
            request.send_error(int(self.mood))
        elif self.mood == "503 once" and len(self.asked) == 1:
            request.send_error(503)
        elif self.mood == "hangs":
            threading.Event().wait(1.5)
        elif request.path.startswith("/cdn/"):
            self.content(request)
        elif request.path.startswith("/timm/renamed/"):
            self.send(request, 307, {"Location": request.path.replace("renamed", NAME)})
        elif request.path.startswith(f"/timm/{NAME}/resolve/"):
            self.redirect(request)
        else:
            request.send_error(404)

    def redirect(self, request: BaseHTTPRequestHandler) -> None:
        revision = request.path.split("/")[4].replace("main", list(self.files)[-1])
        if self.mood == "no hash":  # a small file, which git holds itself
            self.send(request, 200, {"ETag": f'"{"c" * 40}"', "X-Repo-Commit": revision})
            return
        if revision not in self.files:
            request.send_error(404)
            return
        told = {
            "Location": f"http://localhost:{self.port}/cdn/{revision}",
            "X-Repo-Commit": revision,
            "X-Linked-Etag": f'"{hashlib.sha256(self.files[revision]).hexdigest()}"',
            "X-Linked-Size": str(len(self.files[revision])),
        }
        self.send(request, 302, told)

    def content(self, request: BaseHTTPRequestHandler) -> None:
        held = self.files[request.path.removeprefix("/cdn/")]
        sent = held[::-1] if self.mood == "other bytes" else held
        request.send_response(200)
        request.send_header("Content-Length", str(len(held)))
        request.end_headers()
        request.wfile.write(sent[: len(sent) // 2] if self.mood == "drops" else sent)

    def send(self, request: BaseHTTPRequestHandler, status: int, headers: dict[str, str]) -> None:
        request.send_response(status)
        for name, value in ({"Content-Length": "0"} | headers).items():
            request.send_header(name, value)
        request.end_headers()
