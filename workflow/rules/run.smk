# The run as a whole: its programs, one Snakemake at a time, and the settings of each stage as files.
#
# Inputs:  none; the configuration
# Outputs: <run>/configs/<stage>.json (a stage's own settings, all it is told), <run>/configs/run.json (all)


import json
import os

from weakseg.config import differences
from weakseg.preflight import check
from weakseg.storage.atomic import write_text
from weakseg.storage.lock import take
from weakseg.storage.previous import drop, keep, results_of

# `weakseg` and `snakemake` of this environment are found although nobody activated it.
PROGRAMS = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
os.environ.update(PATH=os.pathsep.join(PROGRAMS))

SETTINGS = Path(RUN, "configs", "run.json")
VALUES = json.dumps(cfg.model_dump(mode="json"), indent=2)

# A copied folder is refused until Snakemake has been told of it.
try:
    COPIED = cfg.is_copy(SETTINGS, touches=not {"--touch", "-t"}.isdisjoint(sys.argv))
except InputError as error:
    sys.exit(f"weakseg: {error}")


# Rules whose finished networks are kept until their successors are finished.
TRAININGS = (
    "saliency_train",
    "attention_accumulate",
    "attention_train",
    "segmenter_train",
    "segmenter_train_round",
    "detector_train",
)


# The lock of this process, once it has it.
LOCK = []


# The lock stands in place of Snakemake's own, which outlives a killed Snakemake: this one dies with its process. What
# would be refused is refused here, before any finished file is removed for it.
onstart:
    try:
        LOCK.append(
            take(
                Path(RUN, ".lock"),
                lambda: sys.exit(
                    f"weakseg: another snakemake works on {RUN} and holds {RUN}/.lock; wait for it or stop it."
                ),
            )
        )
        again = [
            job
            for job in workflow.dag.needrun_jobs()
            if any(Path(file).exists() for file in job.output)
        ]
        check(cfg, {job.rule.name for job in again}, Path(RUN))
        trained_again = [job for job in again if job.rule.name in TRAININGS]
        if trained_again and not workflow.touch:
            keep(Path(RUN), results_of(Path(RUN)))
            for job in trained_again:
                stage = next(file for file in job.input if "/configs/" in file)
                changed = differences(Path(stage), STAGES[Path(stage).stem])
                reason = str(workflow.dag.reason(job)).partition(":")[0].lower()
                print(
                    f"weakseg: {Path(job.output[0]).parent} is trained again ({'; '.join(changed) or reason}); its finished"
                    f" network and the scores stay in {RUN}/previous until the new ones are finished.",
                    file=sys.stderr,
                )
    except InputError as error:
        sys.exit(f"weakseg: {error}")


# The records are complete: the copy is a run of its own from now on. Its times stay, or the report would be made anew.
onsuccess:
    drop(Path(RUN))
    if COPIED:
        touched = SETTINGS.stat().st_mtime_ns
        write_text(SETTINGS, f"{VALUES}\n")
        os.utime(SETTINGS, ns=(touched, touched))


rule stage_config:
    output:
        "<run>/configs/{stage}.json",
    log:
        "<run>/logs/configs/{stage}.log",
    localrule: True
    conda:
        "../../envs/weakseg.yaml"
    params:
        json=lambda wildcards: json.dumps(STAGES[wildcards.stage], indent=2),
    shell:
        "printf '%s\\n' {params.json:q} > {output} 2> {log}"


rule run_config:
    output:
        "<run>/configs/run.json",
    log:
        "<run>/logs/configs/run.log",
    localrule: True
    conda:
        "../../envs/weakseg.yaml"
    params:
        # A parameter for each value, so that Snakemake tells which of them changed; what takes `output` it does not compare.
        *[lambda wildcards, line=line: line for line in cfg.lines()],
        json=lambda wildcards, output: VALUES,
    shell:
        "printf '%s\\n' {params.json:q} > {output} 2> {log}"
