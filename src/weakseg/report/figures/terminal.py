"""Shows pictures in terminals that support it."""

import base64
from collections.abc import Mapping

from weakseg.errors import InputError

CHUNK = 4096  # most base64 characters of one kitty escape sequence
MULTIPLEXERS = ("TMUX", "STY")  # tmux and screen drop pictures


def choose(environment: Mapping[str, str], is_terminal: bool) -> str:
    """The image protocol of the terminal that the environment variables describe: `kitty` or `iterm2`.

    Raises:
        InputError: the output is not a terminal that can show pictures.
    """
    program = environment.get("TERM_PROGRAM", "")
    wrapped = any(name in environment for name in MULTIPLEXERS)
    if is_terminal and not wrapped:
        if (
            "KITTY_WINDOW_ID" in environment
            or environment.get("TERM") == "xterm-kitty"
            or program == "ghostty"
        ):
            return "kitty"
        if program in ("iTerm.app", "WezTerm") or environment.get("LC_TERMINAL") == "iTerm2":
            return "iterm2"
    found = "is not a terminal" if not is_terminal else "runs in tmux or screen" if wrapped else "has neither"
    raise InputError(
        "a terminal with kitty's or iTerm2's image protocol was expected to show the picture in, but this "
        f"output {found}; give --out stages.png to write a file."
    )


def encode(protocol: str, png: bytes) -> str:
    """The escape sequences that show a PNG."""
    text = base64.standard_b64encode(png).decode("ascii")
    if protocol == "iterm2":
        return f"\x1b]1337;File=inline=1;size={len(png)};preserveAspectRatio=1:{text}\x07"
    chunks = [text[start : start + CHUNK] for start in range(0, len(text), CHUNK)]
    heads = ["a=T,f=100,", *[""] * (len(chunks) - 1)]  # transmit and show, PNG; only in the first chunk
    more = [1] * (len(chunks) - 1) + [0]
    return "".join(
        f"\x1b_G{head}m={follows};{chunk}\x1b\\"
        for head, follows, chunk in zip(heads, more, chunks, strict=True)
    )
