"""The signals of health: what each usually means. Nothing heavy is imported: planning reads the names."""

USUALLY = {
    "attention.collapsed": "the classifier was trained too briefly, or the class has too few images to be learnt",
    "attention.empty": "the classifier does not find the class in these images: a short training, or wrong labels",
    "attention.flat": "the classifier tells the class by the whole picture, or has no images without it to compare",
    "attention.coincides": "the classes nearly always appear together, or the training was too short to part them",
    "attention.other_class": "the classifier takes these images for something else: a short training, or wrong labels",
    "attention.precision": "the classifier was trained too briefly, or starts from no pretrained weights",
    "saliency.constant": "the saliency network saw too little training, or images unlike these",
    "saliency.nothing": "the objects do not stand out, or the saliency network was made for other images",
    "saliency.everything": "the saliency network takes the whole picture for the object: close-ups, or other images",
    "saliency.borders": "the saliency network marks the surroundings, or the objects are cut off on every side",
    "fused.disagreement": "attention and saliency look at different things: one of the two is wrong in these images",
    "fused.missing": "attention or saliency misses the object; the refinement may not bring it back",
    "fused.undecided": "the thresholds of the rule leave a wide band undecided",
    "fused.size": "attention or saliency is too narrow or too wide for this class",
    "refined.missing": "the CRF removed a small object, or the fused label had none",
    "refined.undecided": "the CRF is rarely as sure as asked, or what was undecided before it is kept so",
    "refined.changed": "the fused labels do not follow the edges in the image, so that the CRF redraws them",
    "relabelled.missing": "the segmenter of the last round does not find the object",
    "relabelled.undecided": "the segmenter of the last round is rarely sure",
    "segmenter.recall": "the segmenter was trained too briefly, or the class is missing in many proxy labels",
    "segmenter.precision": "the proxy labels put this class on the background or on another class",
    "segmenter.agreement": "the segmenter was trained too briefly, or the proxy labels contradict each other",
}
"""Name of a signal → what it usually means."""
