# Where images and labels come from: every later stage reads the index and nothing else about the data set.
#
# Inputs:  the tables of `dataset.table`, or PASCAL VOC (fetched when `dataset.voc.download` says so), or nothing
# Outputs: <run>/dataset/index.csv (id, split, labels, hash of the image), <run>/dataset/classes.csv and
#          <run>/dataset/masks.csv (id, hash of the mask: an input of what reads masks); the demo's images. Where images
#          and masks lie stands in <run>/dataset/files.csv, which is no output: another place is no reason to run

from weakseg.dataset.indexing import plan

VOC = Path(cfg.dataset.voc.root)
DOWNLOAD = cfg.dataset.source == "voc" and cfg.dataset.voc.download
if DOWNLOAD and not VOC.match("VOCdevkit/VOC2012"):
    sys.exit(
        f"weakseg: dataset.voc.root is {VOC}; with dataset.voc.download a path that ends in "
        "VOCdevkit/VOC2012 was expected: change one of the two."
    )

# What the data are, by keys that Snakemake compares. Wrong tables and missing images are told here.
try:
    DATA = plan(cfg.dataset, Path(RUN, "dataset"))
except InputError as error:
    sys.exit(f"weakseg: {error}")


rule dataset_download:
    output:
        touch("<run>/dataset/downloaded"),
    log:
        "<run>/logs/dataset_download.log",
    localrule: True
    conda:
        "../../envs/weakseg.yaml"
    params:
        root=VOC.parent.parent,
    shell:
        "weakseg dataset download --root {params.root:q} 2>&1 | tee {log}"


rule dataset_index:
    input:
        config=ancient("<run>/configs/dataset.json"),
        downloaded=branch(DOWNLOAD, then="<run>/dataset/downloaded"),
    output:
        index="<run>/dataset/index.csv",
        classes="<run>/dataset/classes.csv",
    log:
        "<run>/logs/dataset_index.log",
    benchmark:
        "<run>/benchmarks/dataset_index.tsv"
    conda:
        "../../envs/weakseg.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=60,
    params:
        out=subpath(output.index, parent=True),
        key=DATA.data,
    shell:
        "weakseg dataset index --config {input.config} --out {params.out} --key {params.key:q} 2>&1 | tee {log}"


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
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=60,
    params:
        key=DATA.masks,
    shell:
        "weakseg dataset masks --config {input.config} --out {output} --key {params.key:q} > {log} 2>&1"
