"""Access control: requests come from this machine's browser and this page, or carry the token.

Any page open in the same browser can send requests to a server on loopback, and DNS rebinding makes them look like
requests of the page itself. So the server answers only to its own names and accepts changes only from its own page.
When it listens beyond loopback, it requires the token that is printed at its start.
"""

import hmac
import ipaddress
import json
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
CHANGE_HEADER = "x-weakseg"
"""Pages of other origins cannot send this header, as the server never allows it."""
LARGEST_UPLOAD = 32 * 2**20
LARGEST_MESSAGE = 64 * 2**10
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server on this address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


class Guard:
    """Refuses requests from other pages and adds security headers.

    Args:
        app: the guarded application.
        host: the address that the server listens on.
        port: its port.
        token: required for every API call; without a token, only loopback names are accepted.
    """

    def __init__(self, app: ASGIApp, host: str, port: int, token: str | None = None) -> None:
        self._app, self._token = app, token
        names = {*LOOPBACK_NAMES, host}
        self._hosts = {f"{name}:{port}" for name in names} | (names if port == 80 else set())
        self._cookie = f"weakseg-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no WebSockets
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await _refuse(send, *refusal)
            return
        if scope["path"] == "/" and self._token and self._given(scope) is not None:
            await self._let_in(send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_encoded(HEADERS)]
            await send(message)

        await self._app(scope, receive, guarded)

    def _refusal(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        """Status and sentence, if the request is refused."""
        host = headers.get("host", "").lower()
        if self._token is None and host not in self._hosts:
            return 421, f"the name {host[:80]!r} was asked for; this server answers to localhost only."
        site = headers.get("sec-fetch-site", "none")
        is_api = scope["path"].startswith("/api/")
        if is_api and site not in ("same-origin", "none"):
            return 403, "the request comes from another page; open the inspector's own."
        if self._token is not None and (is_api or scope["path"] == "/") and not self._knows(scope, headers):
            return 401, "the token is missing or wrong; open the address that weakseg printed at its start."
        return None if scope["method"] in ("GET", "HEAD") else _change_refusal(scope, headers, host)

    def _knows(self, scope: Scope, headers: dict[str, str]) -> bool:
        cookies: SimpleCookie = SimpleCookie()
        try:
            cookies.load(headers.get("cookie", ""))
        except CookieError:
            cookies.clear()
        kept = cookies[self._cookie].value if self._cookie in cookies else ""
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        given = self._given(scope) if scope["path"] == "/" else None
        return any(
            hmac.compare_digest(word.encode(), (self._token or "").encode())
            for word in (kept, bearer, given or "")
        )

    def _given(self, scope: Scope) -> str | None:
        found = parse_qs(scope["query_string"].decode("latin-1")).get("token")
        return found[0] if found else None

    async def _let_in(self, send: Send) -> None:
        """Move the token from the address, which browsers store in their history, to a cookie."""
        cookie = f"{self._cookie}={self._token}; HttpOnly; SameSite=Strict; Path=/"
        headers = HEADERS | {"location": "/", "set-cookie": cookie, "cache-control": "no-store"}
        await send({"type": "http.response.start", "status": 303, "headers": _encoded(headers)})
        await send({"type": "http.response.body", "body": b""})


def _change_refusal(scope: Scope, headers: dict[str, str], host: str) -> tuple[int, str] | None:
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc.lower() != host:
        return 403, "the change comes from another page; open the inspector's own."
    if headers.get(CHANGE_HEADER) != "1":
        return 403, f"a change needs the header '{CHANGE_HEADER}: 1'."
    length = headers.get("content-length", "0")
    if "transfer-encoding" in headers or not length.isdigit():
        return 411, "the length of what is sent is missing; a Content-Length was expected."
    largest = LARGEST_UPLOAD if scope["path"] == "/api/corrected" else LARGEST_MESSAGE
    if int(length) > largest:
        return 413, f"{int(length) / 2**20:.1f} MiB were sent; at most {largest / 2**20:g} MiB are taken."
    return None


async def _refuse(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"error": sentence}).encode()
    headers = HEADERS | {
        "content-type": "application/json",
        "content-length": str(len(body)),
        "connection": "close",  # the rest of the request is not read
    }
    await send({"type": "http.response.start", "status": status, "headers": _encoded(headers)})
    await send({"type": "http.response.body", "body": body})


def _encoded(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
