# Where the classes are, learnt from image-level labels alone.
#
# Inputs:  <run>/dataset/; the file that `attention.backbone.weights` names, if it names one; for the method `folder`
#          the folder of maps that `attention.folder.folder` names, and nothing is trained
# Outputs: <run>/attention/weights.pt, <run>/attention/history.csv, and <run>/attention/maps/shard-*.h5 with
#          shard-*.csv (training and validation images; maps of present classes, scores of all); for `oaa_plus` also
#          <run>/attention/accumulated/, the same of the network that accumulated its targets


rule attention_train:
    input:
        ready=ancient("<run>/weights/ready"),
        config="<run>/configs/attention-train.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        initial=said(inputs.initial_weights, TABLE, "attention"),
        targets=branch(
            "attention_accumulate" in TABLE,
            then=gather.shard("<run>/attention/accumulated/shard-{scatteritem}.h5"),
        ),
    output:
        weights="<run>/attention/weights.pt",
        history="<run>/attention/history.csv",
    log:
        "<run>/logs/attention_train.log",
    benchmark:
        "<run>/benchmarks/attention_train.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: training_cores(cfg, "attention")
    resources:
        mem_mb=memory("attention_train"),
        runtime=1440,
    params:
        state=TABLE.folder / "attention/state",
        revision=REVISIONS["attention"],  # a new one trains again
        targets=lambda wildcards, input: option("--targets", *input.targets),
    shell:
        "weakseg attention train --config {input.config} --index {input.index} --classes {input.classes}"
        " {params.targets} --state {params.state} --out {output.weights} > {log} 2>&1"


use rule attention_train as attention_accumulate with:
    input:
        ready=ancient("<run>/weights/ready"),
        config="<run>/configs/attention-accumulate.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        initial=said(inputs.initial_weights, TABLE, "attention"),
        targets=[],
    output:
        weights="<run>/attention/accumulated/weights.pt",
        history="<run>/attention/accumulated/history.csv",
    log:
        "<run>/logs/attention_accumulate.log",
    benchmark:
        "<run>/benchmarks/attention_accumulate.tsv"
    params:
        state=TABLE.folder / "attention/accumulated/state",
        revision=REVISIONS["attention"],
        targets="",


rule attention_maps:
    input:
        config="<run>/configs/attention-maps.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        weights=branch("attention_train" in TABLE, then="<run>/attention/weights.pt"),
        folder=said(inputs.attention_maps_folder, TABLE),
    output:
        maps="<run>/attention/maps/shard-{scatteritem}.h5",
        class_scores="<run>/attention/maps/shard-{scatteritem}.csv",
    log:
        "<run>/logs/attention_maps/{scatteritem}.log",
    benchmark:
        "<run>/benchmarks/attention_maps/{scatteritem}.tsv"
    conda:
        "../../envs/weakseg.yaml"
    resources:
        mem_mb=memory("attention_maps"),
        runtime=240,
    params:
        source=lambda wildcards, input: option("--weights", input.weights)
        or option("--folder", *input.folder),
    shell:
        "weakseg attention maps --config {input.config} --index {input.index} --classes {input.classes}"
        " {params.source:q} --shard {wildcards.scatteritem} --class-scores {output.class_scores}"
        " --out {output.maps} > {log} 2>&1"


use rule attention_maps as attention_accumulated_maps with:
    input:
        config="<run>/configs/attention-maps.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        weights="<run>/attention/accumulated/weights.pt",
        folder=[],
    output:
        maps="<run>/attention/accumulated/shard-{scatteritem}.h5",
        class_scores="<run>/attention/accumulated/shard-{scatteritem}.csv",
    log:
        "<run>/logs/attention_accumulated_maps/{scatteritem}.log",
    benchmark:
        "<run>/benchmarks/attention_accumulated_maps/{scatteritem}.tsv"
