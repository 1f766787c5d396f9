# How good each stage is, and the report.
#
# Inputs:  the maps, labels and predictions of all stages; the true masks that the index names (health reads none)
# Outputs: <run>/evaluation/: health/<stage>.json right after each stage and health.json, one JSON per scored stage,
#          scores.csv, summary.json, result.html (the report's first page), scores.html and the figures;
#          <run>/report.html, which shows them in any browser without a network; for the target `detector`
#          <run>/evaluation/detector.json

from weakseg.run.entered import entered
from weakseg.run.health import looked_at


rule evaluate_health:
    input:
        config="<run>/configs/health.json",
        run=ancient("<run>/configs/run.json"),
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        made=lambda wildcards: looked_at(TABLE, wildcards.stage).files,
    output:
        "<run>/evaluation/health/{stage}.json",
    log:
        "<run>/logs/evaluate_health/{stage}.log",
    benchmark:
        "<run>/benchmarks/evaluate_health/{stage}.tsv"
    wildcard_constraints:
        stage="|".join(stage.name for stage in TABLE.stages if stage.is_checked),
    priority: 10  # what looks wrong is told before the next stage starts
    conda:
        "../../envs/weakseg.yaml"
    resources:
        mem_mb=memory("evaluate"),
        runtime=60,
    params:
        options=lambda wildcards: looked_at(TABLE, wildcards.stage).options,
    shell:
        "weakseg evaluate health --config {input.config} --index {input.index} --classes {input.classes}"
        " --run-config {input.run} {params.options:q} --out {output} > {log} 2>&1"


rule evaluate_health_all:
    input:
        [TABLE.health(stage) for stage in TABLE.checked("all")],
    output:
        "<run>/evaluation/health.json",
    log:
        "<run>/logs/evaluate_health_all.log",
    localrule: True
    conda:
        "../../envs/weakseg.yaml"
    shell:
        "weakseg evaluate health-all {input} --out {output} > {log} 2>&1"


rule evaluate_attention:
    input:
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        masks="<run>/dataset/masks.csv",
        maps=TABLE["attention_maps"].shard_files,
    output:
        "<run>/evaluation/attention.json",
    log:
        "<run>/logs/evaluate_attention.log",
    benchmark:
        "<run>/benchmarks/evaluate_attention.tsv"
    priority: 1  # the score is there before the next stage trains
    conda:
        "../../envs/weakseg.yaml"
    resources:
        mem_mb=memory("evaluate"),
        runtime=240,
    shell:
        "weakseg evaluate attention --index {input.index} --classes {input.classes}"
        " --split train --maps {input.maps} --out {output} > {log} 2>&1"


rule evaluate_localisation:
    input:
        config="<run>/configs/evaluation-boxes.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        masks="<run>/dataset/masks.csv",
        maps=TABLE["attention_maps"].shard_files,
        class_scores=TABLE["attention_maps"].class_scores,
        boxes=lambda wildcards: said(inputs.true_boxes, TABLE),
    output:
        "<run>/evaluation/localisation.json",
    log:
        "<run>/logs/evaluate_localisation.log",
    benchmark:
        "<run>/benchmarks/evaluate_localisation.tsv"
    conda:
        "../../envs/weakseg.yaml"
    resources:
        mem_mb=memory("evaluate"),
        runtime=240,
    shell:
        "weakseg evaluate localisation --config {input.config} --index {input.index}"
        " --classes {input.classes} --split train --maps {input.maps} --class-scores {input.class_scores}"
        " --out {output} > {log} 2>&1"


rule evaluate_detector:
    input:
        config="<run>/configs/evaluation-boxes.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        masks="<run>/dataset/masks.csv",
        boxes=TABLE["detector_predict"].shard_files,
        truth=lambda wildcards: said(inputs.true_boxes, TABLE),
    output:
        "<run>/evaluation/detector.json",
    log:
        "<run>/logs/evaluate_detector.log",
    benchmark:
        "<run>/benchmarks/evaluate_detector.tsv"
    conda:
        "../../envs/detector.yaml"
    resources:
        mem_mb=memory("evaluate"),
        runtime=60,
    params:
        split=cfg.evaluation.split,
        least=cfg.detector.least_region,
    shell:
        "weakseg evaluate detector --config {input.config} --index {input.index} --classes {input.classes}"
        " --split {params.split} --least {params.least} --boxes {input.boxes} --out {output} > {log} 2>&1"


rule evaluate_labels:
    input:
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        masks="<run>/dataset/masks.csv",
        labels=lambda wildcards: TABLE.scores[wildcards.labels].shard_files,
    output:
        "<run>/evaluation/{labels}.json",
    log:
        "<run>/logs/evaluate_labels/{labels}.log",
    benchmark:
        "<run>/benchmarks/evaluate_labels/{labels}.tsv"
    wildcard_constraints:
        labels="|".join(TABLE.label_scores),
    priority: 1  # the score is there before the next stage trains
    conda:
        "../../envs/weakseg.yaml"
    resources:
        mem_mb=memory("evaluate"),
        runtime=60,
    params:
        split=lambda wildcards: TABLE.scores[wildcards.labels].score.split,
        folder=lambda wildcards: TABLE.scores[wildcards.labels].label_folder,
    shell:
        "weakseg evaluate labels --index {input.index} --classes {input.classes} --split {params.split}"
        " --stage {wildcards.labels} --labels {params.folder} --out {output} > {log} 2>&1"


rule evaluate_supervision:
    input:
        config="<run>/configs/supervision.json",
        run=ancient("<run>/configs/run.json"),
        entered=entered(TABLE).files,
    output:
        "<run>/evaluation/supervision.json",
    log:
        "<run>/logs/evaluate_supervision.log",
    benchmark:
        "<run>/benchmarks/evaluate_supervision.tsv"
    conda:
        "../../envs/weakseg.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=60,
    params:
        run=TABLE.folder,
    shell:
        "weakseg evaluate supervision --run {params.run} --out {output} > {log} 2>&1"


rule evaluate_summary:
    input:
        config="<run>/configs/evaluation.json",
        run=ancient("<run>/configs/run.json"),
        masks="<run>/dataset/masks.csv",
        made=TABLE.kept("all"),
        costs=TABLE.benchmarks("all"),
        ceiling=said(inputs.ceiling, TABLE),
    output:
        table="<run>/evaluation/scores.csv",
        summary="<run>/evaluation/summary.json",
        result="<run>/evaluation/result.html",
        scores=report("<run>/evaluation/scores.html", "../report/scores.rst", "Scores"),
        per_class=report(
            "<run>/evaluation/per_class.png", "../report/per_class.rst", "Scores"
        ),
        curve=report("<run>/evaluation/curve.png", "../report/curve.rst", "Scores"),
        training=report(
            "<run>/evaluation/training.png", "../report/training.rst", "Training"
        ),
        sample=report(
            "<run>/evaluation/montage-sample.png", "../report/sample.rst", "Images"
        ),
        worst=report(
            "<run>/evaluation/montage-worst.png", "../report/worst.rst", "Images"
        ),
    log:
        "<run>/logs/evaluate_summary.log",
    benchmark:
        "<run>/benchmarks/evaluate_summary.tsv"
    conda:
        "../../envs/weakseg.yaml"
    resources:
        mem_mb=memory("evaluate"),
        runtime=60,
    params:
        run=TABLE.folder,
    shell:
        "weakseg evaluate summary --run {params.run} > {log} 2>&1"


rule report:
    input:
        config="<run>/configs/run.json",
        files=rules.evaluate_summary.output,
    output:
        "<run>/report.html",
    log:
        "<run>/logs/report.log",
    localrule: True
    conda:
        "../../envs/weakseg.yaml"
    shell:
        "snakemake --configfile {input.config} --report {output} -- {input.files} > {log} 2>&1"
