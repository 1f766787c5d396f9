"""Opening ONNX models."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from weakseg.errors import InputError
from weakseg.storage.disguised import refuse_disguised
from weakseg.storage.onnx_parts import has_external_data

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

PICKLES = (b"PK", *(bytes((0x80, protocol)) for protocol in range(2, 6)))
"""How torch's files and pickles start; ONNX starts with the number of its version."""


def open_onnx(file: Path) -> "InferenceSession":
    """A session on onnxruntime's fastest device, with `OMP_NUM_THREADS` threads.

    Raises:
        InputError: the file is missing, is not an ONNX model or reads other files.
    """
    import onnxruntime

    if not file.is_file():
        raise InputError(f"ONNX model {file} is missing; give the path of an ONNX file.")
    refuse_disguised(file, "ONNX model")
    _refuse_external(file)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
    try:
        return onnxruntime.InferenceSession(
            str(file), options, providers=onnxruntime.get_available_providers()
        )
    except Exception as error:  # onnxruntime's own exception types are not public
        raise InputError(
            f"{file} cannot be loaded ({' '.join(str(error).split())}); an ONNX model was expected: replace the file."
        ) from error


def _refuse_external(file: Path) -> None:
    with file.open("rb") as opened:
        start = opened.read(2)
    if start in PICKLES:
        raise InputError(
            f"{file} is a pickle or a file of torch, which could run code and is not read as a model; export it as "
            "ONNX, or give weights where backbone.weights takes them."
        )
    try:
        external = has_external_data(file)
    except ValueError as error:
        raise InputError(
            f"{file} cannot be loaded ({error}); an ONNX model was expected: replace the file."
        ) from None
    if external:
        raise InputError(
            f"{file} keeps weights in other files, which it names itself and which are not read; one file with all "
            "weights was expected: save the model without external data (onnx.save_model(model, file))."
        )
