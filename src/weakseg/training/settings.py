"""Values of a training, whatever is trained."""

from typing import Literal, Self

from pydantic import Field, model_validator

from weakseg.settings.section import Fraction, Scale, Section, Seed

_READ_WITH = {
    "momentum": ("optimizer", "sgd"),
    "nesterov": ("optimizer", "sgd"),
    "step_at": ("schedule", "step"),
}
"""Key of a training → the key and value without which nothing reads it."""


class TrainingConfig(Section):
    """One training, whatever is trained."""

    beside = frozenset({"checkpoint_every", "workers", "processes", "nodes"})

    iterations: int = Field(1000, ge=1)
    """Optimisation steps."""
    batch_size: int = Field(16, ge=1)
    """Images per step."""
    optimizer: Literal["sgd", "adamw"] = "sgd"
    """`sgd` with momentum (the papers) or `adamw` (small networks trained from scratch)."""
    learning_rate: float = Field(1e-3, gt=0, le=10)
    """Base rate; a network multiplies it for some of its layers."""
    momentum: float = Field(0.9, ge=0, lt=1)
    """Momentum of `sgd`."""
    nesterov: bool = False
    """Nesterov's form of the momentum of `sgd`, as OAA's PyTorch release has it."""
    weight_decay: float = Field(5e-4, ge=0)
    """L2 penalty on weights; biases have none, unless the method's authors gave them one. With `adamw` a step shrinks
    the weights by its rate times this: at the rates of short schedules 1e-4 does nothing (docs/segmenters.md)."""
    schedule: Literal["poly", "step", "constant"] = "poly"
    """`poly`: (1 − i/n)^0.9; `step`: divided by 10 at `step_at`; `constant`."""
    step_at: Fraction = 0.6
    """Fraction of the iterations after which `step` divides the rate by 10 (SeeNet: 15,000 of 25,000)."""
    warmup: int = Field(0, ge=0)
    """Iterations over which the rate rises linearly from zero."""
    clip_gradient: float = Field(10.0, ge=0)
    """Largest norm of the gradient over all parameters, a protection; 0 switches clipping off, as in all published
    schedules. `gradient_norm` in history.csv is the mean norm before clipping."""
    crop: int = Field(321, ge=32, le=4096)
    """Side of the square training crops in pixels."""
    scales: tuple[Scale, Scale] = (0.7, 1.3)
    """Range of the random scale."""
    resize: int | None = Field(None, ge=16)
    """Longest side the image is brought to before the random scale; `null` keeps its size."""
    flip: bool = True
    """Mirror half of the crops."""
    color_jitter: Fraction = 0.0
    """Strength of random brightness, contrast and saturation changes."""
    hue_jitter: float = Field(0.0, ge=0, le=0.5)
    """Largest random change of the hue, as a share of the circle of colours; OAA's authors: 0.1."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    """`auto` takes bfloat16 where the processor or GPU is faster in it, else float32."""
    checkpoint_every: int = Field(100, ge=1)
    """Iterations between two saved states: the most a kill can cost."""
    workers: int = Field(1, ge=0, le=64)
    """Processes that decode and augment images during the computation, for each process that trains."""
    processes: int | None = Field(None, ge=1)
    """Processes of a node that train together, each on its share of the batch; `null`: one per GPU, else one."""
    nodes: int = Field(1, ge=1)
    """Machines that train together; each starts the command, as `srun` does."""
    seed: Seed = 0
    """Seed of initial weights, order and augmentation."""

    @property
    def share(self) -> int:
        """Images of a step that one process sees; where only the machine knows their number, those of all."""
        return self.batch_size // ((self.processes or 1) * self.nodes)

    @model_validator(mode="after")
    def _reads_every_value(self) -> Self:
        """Only what differs from the default was set by someone who believes in it."""
        for name, (key, value) in _READ_WITH.items():
            found, given = getattr(self, key), getattr(self, name)
            if found != value and given != type(self).model_fields[name].default:
                raise ValueError(
                    f"{name} is {given}, but {key} is {found} and only {value} reads it; leave {name} out or set {key} "
                    f"to {value}"
                )
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov is true, but momentum is 0; set momentum above 0 or nesterov to false")
        return self

    @model_validator(mode="after")
    def _ordered_scales(self) -> Self:
        if self.scales[0] > self.scales[1]:
            raise ValueError(f"scales must be [smallest, largest], found {list(self.scales)}")
        return self
