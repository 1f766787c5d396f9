"""`weakseg.load(run)`: what scripts and notebooks see of a run, finished or not."""

import io
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import weakseg
from weakseg.errors import InputError
from weakseg.evaluation.health.record import StageHealth, Warning, write_health

NOTEBOOK = Path(__file__).parents[2] / "docs/notebook.ipynb"
EMPTY = Warning("attention.empty", "dog has no attention.", "Not learnt yet.", "attention.cam: 1", ("dog",))


def checked(run: Any) -> Any:
    """The run with a health warning."""
    health = StageHealth("attention_maps", "1 of 2 classes without attention", 5, warnings=(EMPTY,))
    write_health(run.path("health/attention_maps.json"), [health])
    return run


def test_images_maps_and_labels_have_the_size_of_the_image(scored: Any) -> None:
    run = weakseg.load(scored.folder)
    image = run.images[1]
    assert [each.id for each in run.images] == list(scored.truths)
    assert (image.id, image.split, image.labels) == ("train/1", "train", ("dog",))
    assert (image.read().shape, image.read().dtype) == ((30, 40, 3), np.uint8)
    (attention,) = run.attention(image.id).values()
    saliency = run.saliency(image.id)
    assert saliency is not None
    for values in (attention, saliency):
        assert (values.shape, values.dtype) == ((30, 40), np.float32)
        assert 0 <= values.min() < 0.2
        assert 0.7 < values.max() <= 1
    refined, fused = run.proxy(image.id), run.proxy(image.id, "fused")
    assert refined is not None
    assert fused is not None
    assert (refined.shape, refined.dtype, set(np.unique(refined))) == ((30, 40), np.uint8, {0, 2})
    assert (fused == 255).mean() == pytest.approx(0.1)
    assert np.array_equal(run.truth(image.id), scored.truths[image.id])
    assert run.proxy("val/6", "prediction") is not None
    assert run.classes == ("background", "cat", "dog")
    assert run.scores["fused"].miou == scored.read("fused")["miou"]


def test_a_run_of_which_only_the_configuration_exists(tmp_path: Path, configure: Callable[..., Path]) -> None:
    run = weakseg.load(configure(tmp_path / "results/new", dataset={"source": "voc", "classes": ["cat"]}))
    assert (run.images, run.scores, run.health, run.classes[0]) == ([], {}, [], "background")
    assert "nothing was scored" in run._repr_html_()
    with pytest.raises(InputError, match="not indexed yet"):
        run.proxy("a")
    with pytest.raises(InputError, match="it is not finished"):
        run.predict(np.zeros((8, 8, 3), np.uint8))


def test_what_is_not_there_is_one_sentence(scored: Any) -> None:
    run = weakseg.load(scored.folder)
    with pytest.raises(InputError, match=r"image 'train/9' is not in the index.*'train/\d'"):
        run.attention("train/9")
    with pytest.raises(InputError, match="one of fused, refined, prediction was expected"):
        run.proxy("train/1", "best")
    for file in scored.shards("attention"):
        file.unlink()
    assert weakseg.load(scored.folder).attention("train/1") == {}
    assert run.proxy("train/1", "prediction") is None  # predictions are of the scored split


def test_jupyter_shows_the_result_and_the_stages(scored: Any) -> None:
    run = weakseg.load(checked(scored).folder)
    html = run._repr_html_()
    for part in (f"{scored.read('segmenter-crf')['miou']:.3f}", EMPTY.found, EMPTY.remedy, "refined proxies"):
        assert part in html
    assert [warning.signal for warning in run.warnings] == ["attention.empty"]
    for png in (run.images[0]._repr_png_(), run.show("train/0", "val/5")._repr_png_()):
        with Image.open(io.BytesIO(png)) as picture:
            assert picture.format == "PNG"
            assert np.asarray(picture.convert("L")).std() > 5


def test_torch_waits_for_the_first_prediction(scored: Any) -> None:
    program = (
        "import sys, weakseg\n"
        f"run = weakseg.load({str(scored.folder)!r})\n"
        "run._repr_html_(), run.attention(run.images[0].id), run.show(run.images[0].id)\n"
        "assert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.slow
def test_the_notebook_of_the_documentation_runs(scored: Any) -> None:
    import nbclient
    import nbformat

    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "the stored notebook has no outputs"
    shutil.copytree(checked(scored).folder, scored.folder.with_name("demo"))
    root = scored.folder.parent.parent
    ran = nbclient.NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(root)}}
    ).execute()
    shown = [output.data for cell in ran.cells for output in cell.get("outputs", []) if "data" in output]
    kinds = {kind for data in shown for kind in data}
    assert {"text/html", "image/png"} <= kinds
