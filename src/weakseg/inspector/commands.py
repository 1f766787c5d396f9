"""`weakseg inspect`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from weakseg.errors import InputError

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable

PORT = 8642


@click.command("inspect")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), help=f"Default: {PORT}, or a free one if it is taken.")
@click.option("--browser/--no-browser", default=True, help="Whether to open the page.")
def inspect(run: Path, host: str, port: int | None, browser: bool) -> None:
    """Serve a page that shows RUN (a folder such as results/demo), until Ctrl-C.

    The page follows a run that is at work.

    Only this machine can open it. With another --host, everyone who can reach that address and knows the printed
    token can see the images and review them.
    """
    import secrets
    import webbrowser
    from contextlib import suppress

    import uvicorn

    from weakseg.inspector.guard import Guard, is_loopback
    from weakseg.inspector.server import application
    from weakseg.inspector.watch import Watch
    from weakseg.inspector.what_if import warm_up

    watch = Watch(run)
    token = None if is_loopback(host) else secrets.token_urlsafe(24)
    listening = _listen(host, port)
    number = listening.getsockname()[1]
    app = Guard(application(watch), host, number, token)
    settings = uvicorn.Config(app, log_level="warning", server_header=False, date_header=False)
    address = f"http://{_named(host)}:{number}/" + (f"?token={token}" if token else "")
    click.echo(f"inspecting {watch.now().run.name} at {address} (Ctrl-C ends)")
    if token is not None:
        click.echo(
            "not only on this machine: whoever has this address can see the images and review them.", err=True
        )
    _later(3.0, warm_up)  # after the page has loaded, as compiling uses the processor
    if browser:
        _later(0.3, lambda: webbrowser.open(address))
    with suppress(KeyboardInterrupt):
        uvicorn.Server(settings).run(sockets=[listening])


def _later(seconds: float, work: "Callable[[], object]") -> None:
    """Run a function after a delay, unless the program has ended."""
    import threading

    timer = threading.Timer(seconds, work)
    timer.daemon = True
    timer.start()


def _named(host: str) -> str:
    """The host as a browser needs it in an address."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)
    return f"[{shown}]" if ":" in shown and not shown.startswith("[") else shown


def _listen(host: str, port: int | None) -> "socket.socket":
    """A listening socket; without a port, on `PORT` or any free one.

    Raises:
        InputError: the address or port is not available.
    """
    import socket

    bare = host.strip("[]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    for number in (PORT, 0) if port is None else (port,):
        opened = socket.socket(family)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((bare, number))
            opened.listen(128)
            return opened
        except OSError as error:
            opened.close()
            reason = error
    raise InputError(
        f"{host} port {number} cannot be listened on ({reason.strerror or reason}); give another --port or --host."
    )
