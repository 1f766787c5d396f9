"""From image-level labels to a segmentation model.

    labels.csv ─► attention network ─► attention maps ─┐
                                                       ├─► proxy labels ─► dense CRF ─► segmenter ─► scores, report
    images ─────► saliency network ──► saliency maps ──┘

One room, one rule file, one folder under results/<run>/: the files below stand in the order of the data flow.

    snakemake --cores all                                                    the demo of config.yaml
    snakemake --cores all --configfile workflow/presets/voc-animals.yaml     another run beside it
    snakemake --cores all proxies                                            the scores of all before the segmenter
    snakemake --cores all detector                                           boxes in place of pixels, and their score

A run that was stopped, by whatever, goes on with the same command.
"""


# Beside this file, wherever Snakemake is started.
configfile: str(workflow.current_basedir.join("config.yaml").get_path_or_uri(secret_free=True))


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/run.smk"
include: "workflow/rules/weights.smk"
include: "workflow/rules/dataset.smk"
include: "workflow/rules/saliency.smk"
include: "workflow/rules/attention.smk"
include: "workflow/rules/proxy.smk"
include: "workflow/rules/affinity.smk"
include: "workflow/rules/segmenter.smk"
include: "workflow/rules/detector.smk"
include: "workflow/rules/evaluation.smk"


rule all:
    default_target: True
    input:
        "<run>/report.html",
        rules.evaluate_summary.output,
        TABLE.kept("all"),


rule proxies:
    input:
        "<run>/evaluation/localisation.json",
        rules.run_config.output,
        TABLE.kept("proxies"),


rule detector:
    input:
        "<run>/evaluation/detector.json",
        rules.run_config.output,
        TABLE.kept("detector"),
