"""Every knob of weakseg, in one place: type, default, bounds and meaning.

`config.yaml` is validated against `Config`; `workflow/config.schema.json` is generated from it for editors. A
stage never sees the whole: `Config.stages()` cuts it into one plain dictionary per stage, holding nothing but
what that stage uses, so that a changed CRF value cannot retrain a classifier.
"""

import difflib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from weakseg.errors import InputError

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
ClassName = Annotated[str, Field(pattern=r"^[^\s|/,\\][^|/,\\\n]*$")]


class Section(BaseModel):
    """A part of the configuration: immutable, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)

    @field_validator("*", mode="before")
    @classmethod
    def _typed(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuse what pydantic would quietly turn into a number or a switch, such as `iterations: true`.

        Text stays good for a float: YAML reads `1e-3` as text.
        """
        annotation = cls.model_fields[str(info.field_name)].annotation
        wanted = {annotation, *get_args(annotation)}
        if (isinstance(value, bool) and wanted & {int, float}) or (
            isinstance(value, str) and wanted & {int, bool}
        ):
            expected = "true or false" if bool in wanted else "a number"
            raise ValueError(f"Input should be {expected}, found {value!r}")
        return value


# --------------------------------------------------------------------------------------------- dataset


class DemoDataset(Section):
    """A generated data set: textured objects on clutter, no download."""

    seed: int = 0
    """Seed of the generator; the same seed makes the same images on every machine."""
    train: int = Field(500, ge=1, le=100_000)
    """Training images (image-level labels; their masks are used for scoring only)."""
    val: int = Field(100, ge=1, le=100_000)
    """Validation images."""
    saliency: int = Field(200, ge=1, le=100_000)
    """Images of the separate class-agnostic split on which the demo's saliency network is trained."""
    size: int = Field(128, ge=64, le=512)
    """Side of the square images in pixels."""


class VocDataset(Section):
    """PASCAL VOC layout: `JPEGImages/`, `Annotations/`, `ImageSets/Segmentation/`, `SegmentationClass/`."""

    root: str = "data/VOCdevkit/VOC2012"
    """Folder that holds `JPEGImages/`."""
    train_split: Literal["train", "trainval", "train_aug"] = "train"
    """List under `ImageSets/Segmentation`; `train_aug` also needs `SegmentationClassAug/`."""
    val_split: str = "val"
    """List of the validation images."""
    download: bool = False
    """Fetch VOC 2012 (2 GB) with torchvision's downloader when `root` is absent."""
    skip_difficult: bool = True
    """Leave objects marked `difficult` out of the image-level labels, as the field does."""


class TableDataset(Section):
    """Your own images: a folder and a table."""

    images: str = "images"
    """Folder of the images."""
    labels: str = "labels.csv"
    """CSV with the columns `image`, `labels` (names joined by `|`) and `split` (`train` or `val`)."""
    masks: str | None = None
    """Folder of label PNGs named like the images; used for scoring only. Images without one are not
    scored."""
    all_classes: list[ClassName] = Field(default_factory=list)
    """Class names in the order of the masks' indices 1, 2, …; empty means the order of `dataset.classes`.
    Names here that are not in `dataset.classes` are known but left out: neither trained nor scored."""
    lists: dict[Literal["train", "val"], str] = Field(default_factory=dict)
    """Optional text files of ids per split; they replace the table's `split` column."""


class DatasetConfig(Section):
    """Where images and image-level labels come from."""

    source: Literal["demo", "voc", "table"] = "demo"
    """Which of the three sections below is used."""
    classes: list[ClassName] = Field(default_factory=list, max_length=254)
    """Class names in order, without background; empty means all classes of the source."""
    demo: DemoDataset = DemoDataset()
    voc: VocDataset = VocDataset()
    table: TableDataset = TableDataset()

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for names in (self.classes, self.table.all_classes):
            if len(set(names)) != len(names):
                raise ValueError(f"class names must differ, found {names}")
        if self.source == "table" and not self.classes:
            raise ValueError("dataset.source 'table' needs dataset.classes, the ordered list of class names")
        return self


# -------------------------------------------------------------------------------------------- training


class BackboneConfig(Section):
    """The convolutional network under an attention network or a segmenter."""

    architecture: Literal["vgg16", "vgg_small"] = "vgg16"
    """`vgg16`, or `vgg_small`: five narrow stages with batch normalisation, trained from nothing."""
    weights: str = "IMAGENET1K_V1"
    """Initial weights: `IMAGENET1K_V1` or `IMAGENET1K_FEATURES` (torchvision), a file (`.pth`,
    `.safetensors`, `.npz`, Keras `.h5`), or `none`."""
    frozen_stages: int = Field(0, ge=0, le=4)
    """Stages whose weights stay as they are. The papers freeze none; 2 makes a step a fifth cheaper."""
    normalization: Literal["auto", "torchvision", "caffe_rgb", "caffe_bgr"] = "auto"
    """Mean, deviation and channel order the weights expect; `auto`: `caffe_bgr` for `.npz` and `.h5`,
    `caffe_rgb` for `IMAGENET1K_FEATURES`, else `torchvision`."""


_AUGMENTATION = {"crop", "scales", "resize", "flip", "color_jitter"}


class TrainingConfig(Section):
    """One training, whatever is trained."""

    iterations: int = Field(1000, ge=1)
    """Optimisation steps."""
    batch_size: int = Field(16, ge=1)
    """Images per step."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """`sgd` with momentum (the papers) or `adamw` (small networks trained from nothing)."""
    learning_rate: float = Field(1e-3, gt=0, le=10)
    """Base rate; a network multiplies it for some of its layers."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Momentum of `sgd`."""
    weight_decay: float = Field(5e-4, ge=0)
    """L2 penalty on weights; biases have none."""
    schedule: Literal["poly", "step", "constant"] = "poly"
    """`poly`: (1 − i/n)^0.9; `step`: divided by 10 at `step_at`; `constant`."""
    step_at: Fraction = 0.6
    """Fraction of the iterations after which `step` divides the rate by 10 (SeeNet: 15,000 of 25,000)."""
    warmup: int = Field(0, ge=0)
    """Iterations over which the rate rises linearly from zero."""
    clip_gradient: float = Field(10.0, ge=0)
    """Largest gradient norm; 0 switches clipping off."""
    crop: int = Field(321, ge=32, le=4096)
    """Side of the square training crops in pixels."""
    scales: tuple[Positive, Positive] = (0.7, 1.3)
    """Range of the random scale."""
    resize: int | None = Field(None, ge=16)
    """Longest side the image is brought to before the random scale; `null` keeps its size."""
    flip: bool = True
    """Mirror half of the crops."""
    color_jitter: Fraction = 0.0
    """Strength of random brightness, contrast and saturation changes."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    """`auto` takes bfloat16 where the processor or GPU computes in it, else float32."""
    checkpoint_every: int = Field(100, ge=1)
    """Iterations between two saved states: the most a kill can cost."""
    workers: int = Field(1, ge=0, le=64)
    """Processes that decode and augment images beside the computation."""
    seed: int = Field(0, ge=0)
    """Seed of initial weights, order and augmentation."""

    def augmentation(self) -> dict[str, Any]:
        """The part that makes training crops."""
        return self.model_dump(include=_AUGMENTATION)

    def optimization(self) -> dict[str, Any]:
        """The part that the training loop takes."""
        return self.model_dump(exclude=_AUGMENTATION)

    def identity(self) -> dict[str, Any]:
        """What determines the result: all but how often it is saved and by how many processes it is fed."""
        return self.model_dump(mode="json", exclude={"checkpoint_every", "workers"})

    @model_validator(mode="after")
    def _ordered_scales(self) -> Self:
        if self.scales[0] > self.scales[1]:
            raise ValueError(f"scales must be [smallest, largest], found {list(self.scales)}")
        return self


# -------------------------------------------------------------------------------------------- saliency


class SmallSaliency(Section):
    """A small encoder-decoder trained on the data set's saliency split (demo)."""

    training: TrainingConfig = TrainingConfig()


class OnnxSaliency(Section):
    """Any saliency network as an ONNX file."""

    file: str = "u2netp.onnx"
    """The model file; its SHA-256 is recorded with the maps."""
    preset: Literal["u2net", "imagenet", "plain"] = "u2net"
    """Pre- and post-processing: `u2net` scales by the image's maximum, then ImageNet mean and deviation, and
    min-max normalises the first output; `imagenet` divides by 255; `plain` gives RGB in [0, 1]. The last two
    clip the first output to [0, 1]."""
    size: int = Field(320, ge=32, le=2048)
    """Side of the square input."""


class FolderSaliency(Section):
    """Maps made elsewhere."""

    folder: str = "saliency"
    """Folder of grey PNGs named like the images, 0…255; any size."""


class SaliencyConfig(Section):
    """Which pixels stand out, whatever they show."""

    method: Literal["small", "onnx", "folder"] = "small"
    """Which of the three sections below is used."""
    small: SmallSaliency = SmallSaliency()
    onnx: OnnxSaliency = OnnxSaliency()
    folder: FolderSaliency = FolderSaliency()


# ------------------------------------------------------------------------------------------- attention


class SeeNetConfig(Section):
    """Self-Erasing Network (Hou et al., NeurIPS 2018)."""

    thresholds: Literal["paper", "release"] = "paper"
    """`paper`: erase above 0.7, reverse below 0.05; `release`: 0.8 and 0.0 (nothing is reversed)."""
    new_layers_rate: Positive = 1.0
    """Learning-rate multiplier of the three branches; the release uses 1."""


class MapsConfig(Section):
    """How attention maps are computed from a trained network."""

    size: int = Field(384, ge=32, le=4096)
    """Longest side the image is brought to, in pixels."""
    scales: list[Positive] = Field(default_factory=lambda: [1.0], min_length=1)
    """Sizes relative to `size`; their maps are averaged."""
    flip: bool = True
    """Fuse with the mirrored image's maps by maximum."""
    batch_size: int = Field(16, ge=1)
    """Images of one size per forward pass."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    """As in training."""


class AttentionConfig(Section):
    """The classifier whose attention says where the classes are."""

    method: Literal["seenet"] = "seenet"
    """Name of the attention network."""
    backbone: BackboneConfig = BackboneConfig()
    seenet: SeeNetConfig = SeeNetConfig()
    training: TrainingConfig = TrainingConfig(weight_decay=2e-4, schedule="step")
    maps: MapsConfig = MapsConfig()


# ----------------------------------------------------------------------------------------------- proxy


class ThresholdRule(Section):
    """Saliency decides foreground, attention the class (after WSSS-BED)."""

    saliency_low: Fraction = 0.2
    """Below: background."""
    saliency_high: Fraction = 0.4
    """Above: foreground; the band between the two is undecided."""
    attention_least: Fraction = 0.0
    """Salient pixels whose strongest attention is below this stay undecided."""
    rescue: Fraction = 0.7
    """Attention above this is foreground whatever saliency says."""


class SeeNetRule(Section):
    """Weighted harmonic mean of saliency and attention (SeeNet, with its authors' ignore rules)."""

    weight: Positive = 1.5
    """Weight w of attention in (w + 1) / (w / attention + 1 / saliency)."""
    conflict: Fraction = 0.7
    """Two classes both above this: undecided."""
    saliency_low: Fraction = 32 / 255
    """Class pixels with saliency below this: undecided."""


class DcspRule(Section):
    """Harmonic mean with a fixed background threshold (DCSP, BMVC 2017)."""

    background: Fraction = 0.4
    """Harmonic mean below this is background."""


class OaaRule(Section):
    """The OAA authors' rule (ICCV 2019)."""

    floor: Fraction = 0.3
    """Scores below this count as zero, background's too."""
    conflict: Fraction = 0.9
    """Two scores both above this: undecided."""
    background_saliency: Fraction = 32 / 255
    """Background pixels with saliency of at least this: undecided."""
    background_attention: Fraction = 0.8
    """Background pixels with attention above this: undecided."""
    least_foreground: Fraction = 0.01
    """Images with a smaller share of foreground are undecided as a whole."""


class CrfConfig(Section):
    """Fully connected CRF (Krähenbühl and Koltun, 2011)."""

    preset: Literal["psa", "irn", "deeplab", "deeplab-vgg", "afa", "oaa", "custom"] = "irn"
    """The field's parameter sets by name; `custom` takes the values below."""
    gaussian_sxy: Positive = 3.0
    """`custom`: spatial deviation of the smoothness kernel, pixels."""
    gaussian_weight: float = Field(3.0, ge=0)
    """`custom`: weight of the smoothness kernel."""
    bilateral_sxy: Positive = 50.0
    """`custom`: spatial deviation of the appearance kernel, pixels."""
    bilateral_srgb: Positive = 5.0
    """`custom`: colour deviation of the appearance kernel, 0…255."""
    bilateral_weight: float = Field(10.0, ge=0)
    """`custom`: weight of the appearance kernel."""
    iterations: int = Field(10, ge=1, le=100)
    """`custom`: mean-field iterations."""


class RefineConfig(Section):
    """From fused to refined proxy labels."""

    enabled: bool = True
    """Whether the CRF is applied; without it refined equals fused."""
    label_confidence: float = Field(0.7, gt=0.0, lt=1.0)
    """Probability the fused label is trusted with; undecided pixels start uniform."""
    confidence: Fraction = 0.0
    """Pixels whose CRF probability is below this become undecided."""
    crf: CrfConfig = CrfConfig()


class ProxyConfig(Section):
    """Attention and saliency become labels."""

    rule: Literal["threshold", "seenet", "dcsp", "oaa"] = "threshold"
    """Which of the four sections below is used."""
    threshold: ThresholdRule = ThresholdRule()
    seenet: SeeNetRule = SeeNetRule()
    dcsp: DcspRule = DcspRule()
    oaa: OaaRule = OaaRule()
    refine: RefineConfig = RefineConfig()


# ------------------------------------------------------------------------------------------- segmenter


class PredictionConfig(Section):
    """How a trained segmenter labels an image."""

    scales: list[Positive] = Field(default_factory=lambda: [1.0], min_length=1)
    """Image sizes whose class probabilities are averaged."""
    flip: bool = False
    """Average with the mirrored image."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    """As in training."""
    crf: CrfConfig = CrfConfig(preset="deeplab")


class LargeFovConfig(Section):
    """DeepLab-LargeFOV (Chen et al., 2015)."""

    new_dense_rate: Positive = 1.0
    """Learning-rate multiplier of fc6 and fc7 when the initial weights lack them and they start from noise."""


class SegmenterConfig(Section):
    """The network that users keep."""

    method: Literal["largefov"] = "largefov"
    """Name of the segmenter."""
    labels: Literal["proxy", "masks"] = "proxy"
    """`proxy`: refined proxy labels. `masks`: the true masks, the supervised ceiling; never a weak result."""
    backbone: BackboneConfig = BackboneConfig()
    largefov: LargeFovConfig = LargeFovConfig()
    training: TrainingConfig = TrainingConfig(batch_size=10, iterations=16_000)
    prediction: PredictionConfig = PredictionConfig()


# ------------------------------------------------------------------------------------------ evaluation


class EvaluationConfig(Section):
    """Scores and report."""

    split: Literal["train", "val"] = "val"
    """Images the segmenter is scored on."""
    sample: int = Field(6, ge=0, le=100)
    """Images of the fixed montage."""
    worst: int = Field(6, ge=0, le=100)
    """Images of the montage of the worst."""
    ceiling: str | None = None
    """Name of the run with `segmenter.labels: masks` that the report divides by (`weak / full`)."""


class Config(Section):
    """A whole run."""

    run: str = Field("demo", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    """Everything of the run lies under `results/<run>/`."""
    shards: int = Field(2, ge=1, le=10_000)
    """Parts that per-image stages are cut into: what runs side by side and what a kill can cost."""
    dataset: DatasetConfig = DatasetConfig()
    saliency: SaliencyConfig = SaliencyConfig()
    attention: AttentionConfig = AttentionConfig()
    proxy: ProxyConfig = ProxyConfig()
    segmenter: SegmenterConfig = SegmenterConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    def stages(self) -> dict[str, dict[str, Any]]:
        """Stage name → that stage's own settings as plain values, nothing else.

        The commands read them back with `read_stage` into the section's model.
        """
        saliency, attention, proxy, segmenter = self.saliency, self.attention, self.proxy, self.segmenter
        return {
            "dataset": _keep(self.dataset, {"source", "classes", self.dataset.source}),
            "saliency": _keep(saliency, {"method", saliency.method}),
            "attention-train": _keep(attention, {"method", "backbone", attention.method, "training"}),
            "attention-maps": _keep(attention.maps),
            "proxy-fuse": _keep(proxy, {"rule", proxy.rule}),
            "proxy-refine": _keep(proxy.refine),
            "segmenter-train": _keep(
                segmenter, {"method", "labels", "backbone", segmenter.method, "training"}
            ),
            "segmenter-predict": _keep(segmenter.prediction, {"scales", "flip", "precision"}),
            "segmenter-refine": _keep(segmenter.prediction, {"crf"}),
            "evaluation": _keep(self.evaluation),
        }


# --------------------------------------------------------------------------------------------- reading

Model = TypeVar("Model", bound=Section)


def _keep(section: Section, keys: set[str] | None = None) -> dict[str, Any]:
    return section.model_dump(mode="json", include=keys)


def parse(model: type[Model], values: Mapping[str, Any], source: str) -> Model:
    """Validate `values`.

    Raises:
        InputError: one line per wrong value: where it is, what was found, what was expected.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = "; ".join(_explain(model, item) for item in error.errors())
        raise InputError(f"{source}: {lines}") from None


def read_stage(path: Path, model: type[Model]) -> Model:
    """Read the settings that the workflow wrote for one stage.

    Raises:
        InputError: the file is missing, is not JSON or holds a wrong value.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"--config {path} cannot be read ({error.strerror}); give a stage's JSON file."
        ) from None
    except ValueError as error:
        raise InputError(
            f"--config {path} is not JSON ({error}); give the file that the workflow wrote."
        ) from None
    return parse(model, values, str(path))


def _explain(model: type[BaseModel], error: Any) -> str:
    location = [part for part in error["loc"] if part != "[key]"]
    where = ".".join(map(str, location)) or "the configuration"
    if error["type"] != "extra_forbidden":
        found = "" if error["type"] == "value_error" else f", found {error['input']!r}"
        return f"'{where}': {error['msg'].removeprefix('Value error, ')}{found}"
    known = list(_section_at(model, location[:-1]).model_fields)
    near = difflib.get_close_matches(str(location[-1]), known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(known)}."
    return f"unknown key '{where}'; {hint}"


def _section_at(model: type[BaseModel], location: list[Any]) -> type[BaseModel]:
    for part in location:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        model = annotation
    return model


def schema() -> str:
    """The JSON schema of `Config`, as committed in `workflow/config.schema.json`."""
    return json.dumps(Config.model_json_schema(), indent=2, ensure_ascii=False) + "\n"
