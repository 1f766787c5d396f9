# The run as a whole: its programs, one Snakemake at a time, and the settings of each stage as files.
#
# Inputs:  none; the configuration
# Outputs: <run>/configs/<stage>.json (a stage's own settings, all it is told), <run>/configs/run.json (all)


import json
import os

from weakseg.run.start import Again, lock, prepare, refuse_copy
from weakseg.storage.previous import drop

# `weakseg` and `snakemake` of this environment are found although nobody activated it.
PROGRAMS = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
os.environ.update(PATH=os.pathsep.join(PROGRAMS))

said(refuse_copy, TABLE)

# The lock of this process, once it has it.
LOCK = []


onstart:
    LOCK.append(said(lock, TABLE))
    again = [
        Again(
            job.rule.name,
            Path(job.output[0]),
            [Path(file) for file in job.input],
            str(workflow.dag.reason(job)).partition(":")[0].lower(),
        )
        for job in workflow.dag.needrun_jobs()
        if any(Path(file).exists() for file in job.output)
    ]
    said(prepare, TABLE, STAGES, [] if workflow.touch else again)
    planned = [
        (job.rule.name, dict(job.wildcards_dict), list(map(str, job.output)))
        for job in workflow.dag.needrun_jobs()
    ]
    logger.info(None, extra={"weakseg": planned})


onsuccess:
    drop(TABLE.folder)


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
        json=lambda wildcards, output: json.dumps(cfg.model_dump(mode="json"), indent=2),
    shell:
        "printf '%s\\n' {params.json:q} > {output} 2> {log}"
