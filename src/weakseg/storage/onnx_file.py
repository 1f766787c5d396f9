"""Opening ONNX models."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from weakseg.errors import InputError
from weakseg.storage.disguised import refuse_disguised

if TYPE_CHECKING:
    from onnxruntime import InferenceSession


def open_onnx(file: Path) -> "InferenceSession":
    """A session on onnxruntime's fastest device, with `OMP_NUM_THREADS` threads.

    Raises:
        InputError: the file is missing or is not an ONNX model.
    """
    import onnxruntime

    if not file.is_file():
        raise InputError(f"ONNX model {file} is missing; give the path of an ONNX file.")
    refuse_disguised(file, "ONNX model")
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
