"""ONNX files that name other files are refused; the package onnx says what is in them."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from weakseg.errors import InputError
from weakseg.storage.onnx_file import open_onnx
from weakseg.storage.onnx_parts import has_external_data


def tensor(external: bool) -> TensorProto:
    made = numpy_helper.from_array(np.ones((3, 4), np.float32), "weights")
    if external:
        made.ClearField("raw_data")
        made.data_location = TensorProto.EXTERNAL
        made.external_data.add(key="location", value="../secret")
    return made


def graph(nodes: list[Any], initializers: list[TensorProto]) -> Any:
    shape = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [3, 4]) for name in ("image", "map")]
    return helper.make_graph(nodes, "saliency", shape[:1], shape[1:], initializers)


def model(place: str, external: bool) -> Any:
    """A model with a tensor as initializer, as constant, inside a branch, or in a function."""
    values, add = tensor(external), helper.make_node("Add", ["image", "weights"], ["map"])
    constant = helper.make_node("Constant", [], ["weights"], value=values)
    functions = []
    if place == "initializer":
        whole = graph([add], [values])
    elif place == "constant":
        whole = graph([constant, add], [])
    elif place == "branch":
        inner = helper.make_graph(
            [helper.make_node("Identity", ["weights"], ["map"])],
            "branch",
            [],
            [helper.make_tensor_value_info("map", TensorProto.FLOAT, [3, 4])],
            [values],
        )
        condition = helper.make_node(
            "Constant", [], ["yes"], value=numpy_helper.from_array(np.array(True), "yes")
        )
        branch = helper.make_node("If", ["yes"], ["map"], then_branch=inner, else_branch=inner)
        whole = graph([condition, branch], [])
    else:
        imported = [helper.make_opsetid("", 17)]
        functions = [helper.make_function("own", "Add1", ["image"], ["map"], [constant, add], imported)]
        whole = graph([helper.make_node("Add1", ["image"], ["map"], domain="own")], [])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    return helper.make_model(whole, opset_imports=opsets, functions=functions, ir_version=8)


@pytest.mark.parametrize("place", ["initializer", "constant", "branch", "function"])
def test_external_data_is_found_wherever_a_tensor_is(tmp_path: Path, place: str) -> None:
    file = tmp_path / "model.onnx"
    for external in (False, True):
        file.write_bytes(model(place, external).SerializeToString())
        assert has_external_data(file) is external


def test_such_a_model_is_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "model.onnx"
    onnx.save_model(
        model("initializer", False), file, save_as_external_data=True, size_threshold=0, location="w.bin"
    )
    with pytest.raises(
        InputError, match=r"keeps weights in other files, .* save the model without external data"
    ):
        open_onnx(file)
    onnx.save_model(model("initializer", False), file)
    assert open_onnx(file).run(None, {"image": np.zeros((3, 4), np.float32)})[0].sum() == 12


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x0b\x0c", "it is not a protobuf"),  # a group, in which tensors could hide
        (b"\x3a\x7f\x0a", "it ends too early"),
        (b"\x08" + b"\xff" * 11, "it is not a protobuf"),
        (b"\x3a\x02" * 3, "it ends too early"),
    ],
)
def test_what_cannot_be_followed_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "model.onnx"
    file.write_bytes(content)
    with pytest.raises(InputError, match=rf"cannot be loaded \({said}\); an ONNX model was expected"):
        open_onnx(file)


def test_a_deep_file_does_not_end_the_program(tmp_path: Path) -> None:
    content = b""
    for number in [*[6, 5, 1] * 200, 7]:  # a graph in an attribute of a node in a graph …
        length, size = len(content), b""
        while length > 127:
            size, length = size + bytes((length & 127 | 128,)), length >> 7
        content = bytes((number << 3 | 2,)) + size + bytes((length,)) + content
    file = tmp_path / "model.onnx"
    file.write_bytes(content)
    with pytest.raises(InputError, match="too deep in each other"):
        open_onnx(file)


def test_pickles_are_no_models(tmp_path: Path) -> None:
    for name, write in (
        ("a", lambda file: file.write_bytes(pickle.dumps({}))),
        ("b", lambda file: torch.save({}, file)),
    ):
        write(tmp_path / name)
        with pytest.raises(InputError, match="is a pickle or a file of torch, which could run code"):
            open_onnx(tmp_path / name)
