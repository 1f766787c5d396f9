# Boxes instead of pixels: a detector that learns from the proxy labels. The target `detector` makes it; `all` does not.
#
# Inputs:  <run>/proxy/boxes.json; the file that `detector.backbone.weights` names, if it names one
# Outputs: <run>/detector/weights.pt, <run>/detector/history.csv and <run>/detector/boxes/shard-*.json, the boxes found
#          in the scored images in COCO's results format


rule detector_train:
    input:
        ready=ancient("<run>/weights/ready"),
        config="<run>/configs/detector-train.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        initial=lambda wildcards: said(inputs.initial_weights, TABLE, "detector"),
        attention=lambda wildcards: said(inputs.attention_weights, TABLE, "detector"),
        boxes="<run>/proxy/boxes.json",
    output:
        weights="<run>/detector/weights.pt",
        history="<run>/detector/history.csv",
    log:
        "<run>/logs/detector_train.log",
    benchmark:
        "<run>/benchmarks/detector_train.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: training_cores(cfg, "detector")
    resources:
        mem_mb=memory("detector_train"),
        runtime=1440,
    params:
        attention=lambda wildcards, input: option("--attention", *input.attention),
        state=TABLE.folder / "detector/state",
        revision=REVISIONS["detector"],  # a new one trains again
    shell:
        "weakseg detector train --config {input.config} --index {input.index} --classes {input.classes}"
        " --boxes {input.boxes} {params.attention:q} --state {params.state} --out {output.weights} > {log} 2>&1"


rule detector_predict:
    input:
        config="<run>/configs/detector-predict.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        weights="<run>/detector/weights.pt",
    output:
        boxes="<run>/detector/boxes/shard-{scatteritem}.json",
    log:
        "<run>/logs/detector_predict/{scatteritem}.log",
    benchmark:
        "<run>/benchmarks/detector_predict/{scatteritem}.tsv"
    conda:
        "../../envs/weakseg.yaml"
    resources:
        mem_mb=memory("detector_predict"),
        runtime=240,
    params:
        split=cfg.evaluation.split,
    shell:
        "weakseg detector predict --config {input.config} --index {input.index} --classes {input.classes}"
        " --weights {input.weights} --split {params.split} --shard {wildcards.scatteritem} --out {output.boxes}"
        " > {log} 2>&1"
