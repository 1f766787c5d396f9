"""Learning-rate schedules as factors of the base rate."""

from weakseg.training.settings import TrainingConfig

POLY_POWER = 0.9  # DeepLab v2, section 4.1


def rate_factor(iteration: int, training: TrainingConfig) -> float:
    """Factor of the base learning rate at a zero-based iteration.

    `poly`: (1 − i/n)^0.9; `step`: 1, then 0.1 from `step_at`·n on; `constant`: 1. The first `warmup` iterations
    rise linearly.
    """
    ramp = min(1.0, (iteration + 1) / training.warmup) if training.warmup else 1.0
    if training.schedule == "poly":
        return float(ramp * (1.0 - iteration / training.iterations) ** POLY_POWER)
    if training.schedule == "step":
        return ramp * (0.1 if iteration >= training.step_at * training.iterations else 1.0)
    return ramp
