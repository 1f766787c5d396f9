# Which pixels stand out, whatever they show.
#
# Inputs:  <run>/dataset/; the file that `saliency.onnx.file` or the folder that `saliency.folder.folder` names; for
#          `rcrnet`, `rcrnet_video` and `srm` the initial weights, the images or videos with masks and, in place of a
#          training, the weights that their section names
# Outputs: <run>/saliency/maps/shard-*.h5 (training and validation images), and for the methods that train a network
#          <run>/saliency/weights.pt, <run>/saliency/history.csv

# The section of a network that starts from ImageNet; none for the other methods.
NETWORK = cfg.saliency.network()
SECTION = f"saliency.{cfg.saliency.method}"


def saliency_data(wildcards):
    """What a network learns from, if that is not a split of the index."""
    data = NETWORK.data
    named = {
        "split": [],
        "folder": ["images", "masks"],
        "davis": ["davis"],
        "videos": ["videos"],
    }
    return [
        outside(f"{SECTION}.data.{key}", getattr(data, key))
        for key in named[data.source]
    ]


def saliency_initial(wildcards):
    """The weights that a network starts from, if they are a file."""
    image_model = getattr(NETWORK, "image_model", None)
    if image_model is not None:
        return outside(f"{SECTION}.image_model", image_model)
    return outside(f"{SECTION}.backbone.weights", NETWORK.backbone.weights)


def saliency_elsewhere(wildcards):
    """The network that another run trained, if there is one."""
    if NETWORK.trained is None:
        return []
    return outside(f"{SECTION}.trained", NETWORK.trained)


def saliency_network(input):
    """The network that makes the maps and the size that it is given images at."""
    if NETWORK is None:
        return option("--weights", input.weights)
    return ["--weights", *(input.weights or input.source), "--size", NETWORK.size]


rule saliency_train:
    input:
        config="<run>/configs/saliency.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        initial=branch(NETWORK is not None, then=saliency_initial),
        data=branch(NETWORK is not None, then=saliency_data),
    output:
        weights="<run>/saliency/weights.pt",
        history="<run>/saliency/history.csv",
    log:
        "<run>/logs/saliency_train.log",
    benchmark:
        "<run>/benchmarks/saliency_train.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: 16
    resources:
        mem_mb=8000,
        runtime=240,
    params:
        state=f"{RUN}/saliency/state",
        revision=REVISIONS["saliency"],  # a change of it trains anew
    shell:
        "weakseg saliency train --config {input.config} --index {input.index} --classes {input.classes}"
        " --state {params.state} --out {output.weights} 2>&1 | tee {log}"


rule saliency_maps:
    input:
        config="<run>/configs/saliency.json",
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
        weights=branch(cfg.saliency.trains, then="<run>/saliency/weights.pt"),
        source=branch(
            cfg.saliency.method,
            cases={
                "small": [],
                "unsupervised": [],
                "onnx": lambda wildcards: outside(
                    "saliency.onnx.file", cfg.saliency.onnx.file
                ),
                "folder": lambda wildcards: outside(
                    "saliency.folder.folder", cfg.saliency.folder.folder
                ),
                **dict.fromkeys(("rcrnet", "rcrnet_video", "srm"), saliency_elsewhere),
            },
        ),
    output:
        maps="<run>/saliency/maps/shard-{scatteritem}.h5",
    log:
        "<run>/logs/saliency_maps/{scatteritem}.log",
    benchmark:
        "<run>/benchmarks/saliency_maps/{scatteritem}.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        weights=lambda wildcards, input: saliency_network(input),
    shell:
        "weakseg saliency maps --config {input.config} --index {input.index} --classes {input.classes}"
        " --shard {wildcards.scatteritem} {params.weights:q} --out {output.maps} > {log} 2>&1"
