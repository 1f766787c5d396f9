# Where images and labels come from: every later stage reads the index and nothing else about the data set.
#
# Inputs:  what the section of the chosen `dataset.source` names (PASCAL VOC is fetched when it says so), or nothing
# Outputs: <run>/dataset/index.csv (id, split, labels, hash of the image), <run>/dataset/classes.csv and
#          <run>/dataset/masks.csv (id, hash of the mask: an input of what reads masks); the demo's images. Where images
#          and masks lie stands in <run>/dataset/files.csv, which is not an output: moved files make nothing again

from weakseg.dataset.indexing import plan

# What the data are, by keys that Snakemake compares. Wrong tables, missing images and labels that leave a classifier
# nothing to tell apart are told here.
DATA = said(
    partial(
        plan,
        classified=TABLE.makes("attention_train"),
        one_class=cfg.attention.own.takes_one_class,
    ),
    *(cfg.dataset, TABLE.folder / "dataset"),
)


rule dataset_download:
    output:
        touch("<run>/dataset/downloaded"),
    log:
        "<run>/logs/dataset_download.log",
    localrule: True
    conda:
        "../../envs/weakseg.yaml"
    params:
        root=cfg.dataset.own.fetched_into(),
    shell:
        "weakseg dataset download --root {params.root:q} > {log} 2>&1"


rule dataset_index:
    input:
        config=ancient("<run>/configs/dataset.json"),
        downloaded=branch(
            cfg.dataset.own.fetched_into() is not None,
            then="<run>/dataset/downloaded",
        ),
        same=reused_indexes(cfg),
    output:
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
    log:
        "<run>/logs/dataset_index.log",
    benchmark:
        "<run>/benchmarks/dataset_index.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: 8
    resources:
        mem_mb=lambda wildcards, attempt: 3000 * attempt,
        runtime=60,
    params:
        out=subpath(output.index, parent=True),
        key=DATA.data,
        same=lambda wildcards, input: option("--same-as", *input.same),
    shell:
        "weakseg dataset index --config {input.config} --out {params.out} --key {params.key:q}"
        " {params.same:q} --processes {threads} > {log} 2>&1"


rule dataset_masks:
    input:
        config=ancient("<run>/configs/dataset.json"),
        index=ancient("<run>/dataset/index.csv"),
    output:
        "<run>/dataset/masks.csv",
    log:
        "<run>/logs/dataset_masks.log",
    benchmark:
        "<run>/benchmarks/dataset_masks.tsv"
    conda:
        "../../envs/weakseg.yaml"
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=60,
    params:
        key=DATA.masks,
    shell:
        "weakseg dataset masks --config {input.config} --out {output} --key {params.key:q} > {log} 2>&1"
