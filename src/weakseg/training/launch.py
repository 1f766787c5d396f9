"""Starting the processes that train together: on the GPUs or cores of one machine, or over the nodes of a Slurm job."""

import os
import sys
import warnings
from typing import Any, cast

import torch

from weakseg.errors import InputError
from weakseg.training.fabric import DDPStrategy, Fabric, LightningEnvironment
from weakseg.training.precision import fabric_precision
from weakseg.training.settings import TrainingConfig

STARTED_BY = ("NODE_RANK", "GROUP_RANK")
"""What tells the first process of a node its place: set by hand, or by torchrun."""


def launch(training: TrainingConfig) -> Fabric:
    """Start the processes that train together; each of them runs this program from its start.

    Several of them in a Slurm job are started by `srun`, which takes the place of this process.

    Args:
        training: its `processes`, `nodes` and `precision` are read; without `processes` there is one for each GPU, or
            one without a GPU.

    Raises:
        InputError: several nodes were asked for where nothing starts processes on them.
    """
    nodes = training.nodes
    devices = training.processes or max(1, torch.cuda.device_count())
    together = devices * nodes > 1
    if together and "SLURM_JOB_ID" in os.environ and os.environ.get("SLURM_NTASKS", "1") == "1":
        _through_srun(devices, nodes)
    if nodes > 1 and not any(name in os.environ for name in ("SLURM_NTASKS", *STARTED_BY)):
        raise InputError(
            f"training.nodes is {nodes}, but neither Slurm nor torchrun started this, so there is no other machine; "
            "run the workflow with --workflow-profile profiles/slurm, or set nodes to 1."
        )
    # Buffers stay each process's own: an attention memory is the same in all, and large. The name that is to follow
    # broadcast_buffers is younger than the oldest torch we take.
    warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated")
    fabric = Fabric(
        accelerator="auto",
        devices=devices,
        num_nodes=nodes,
        strategy=DDPStrategy(broadcast_buffers=False) if together else "auto",
        precision=cast(Any, fabric_precision(training.precision)),
        plugins=None if together else LightningEnvironment(),  # alone, wherever it was started
    )
    fabric.launch()
    return fabric


def _through_srun(processes: int, nodes: int) -> None:
    """Run this very command as the tasks of a step of this Slurm job; does not return."""
    cores = max(1, len(os.sched_getaffinity(0)) // processes)
    step = ["srun", "--overlap", "--mem=0", "--cpu-bind=none", f"--nodes={nodes}", f"--cpus-per-task={cores}"]
    step += [f"--ntasks={processes * nodes}", f"--ntasks-per-node={processes}"]
    if torch.cuda.is_available():
        step.append(f"--gpus-per-node={processes}")
    os.environ["OMP_NUM_THREADS"] = str(cores)
    sys.stdout.flush()
    sys.stderr.flush()
    os.execvp("srun", [*step, sys.executable, *sys.argv])
