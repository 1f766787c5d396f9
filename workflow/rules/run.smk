# The run as a whole: its programs, one Snakemake at a time, and the settings of each stage as files.
#
# Inputs:  none; the configuration
# Outputs: <run>/configs/<stage>.json (a stage's own settings, all it is told), <run>/configs/run.json (all)


import json
import os

from filelock import FileLock, Timeout

from weakseg.storage.atomic import write_text

# `weakseg` and `snakemake` of this environment are found although nobody activated it.
PROGRAMS = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
os.environ.update(PATH=os.pathsep.join(PROGRAMS))

LOCK = FileLock(f"{RUN}/.lock")


SETTINGS = Path(RUN, "configs", "run.json")
VALUES = json.dumps(cfg.model_dump(mode="json"), indent=2)

# A copied folder is refused until Snakemake has been told of it.
try:
    COPIED = cfg.is_copy(SETTINGS, touches=not {"--touch", "-t"}.isdisjoint(sys.argv))
except InputError as error:
    sys.exit(f"weakseg: {error}")


# In place of Snakemake's own lock, which outlives a killed Snakemake: this one dies with its process.
onstart:
    try:
        Path(RUN).mkdir(parents=True, exist_ok=True)
        LOCK.acquire(timeout=0)
    except Timeout:
        sys.exit(
            f"weakseg: another snakemake works on {RUN}; wait for it or stop it."
        )
    except OSError as error:
        sys.exit(
            f"weakseg: {RUN} cannot be written ({error.strerror}); free disk space or fix the folder's "
            "permissions, then run the same command again."
        )


# The records are complete: the copy is a run of its own from now on. Its times stay, or the report would be made anew.
onsuccess:
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
