"""Classes: the numbers that objects carry and their names: those of COCO, by which most detectors count, and ours; and
the words that other people's models have for the same things."""

from __future__ import annotations

_COCO = """
person, bicycle, car, motorcycle, airplane, bus, train, truck, boat, traffic light, fire hydrant, stop sign,
parking meter, bench, bird, cat, dog, horse, sheep, cow, elephant, bear, zebra, giraffe, backpack, umbrella, handbag,
tie, suitcase, frisbee, skis, snowboard, sports ball, kite, baseball bat, baseball glove, skateboard, surfboard,
tennis racket, bottle, wine glass, cup, fork, knife, spoon, bowl, banana, apple, sandwich, orange, broccoli, carrot,
hot dog, pizza, donut, cake, chair, couch, potted plant, bed, dining table, toilet, tv, laptop, mouse, remote, keyboard,
cell phone, microwave, oven, toaster, sink, refrigerator, book, clock, vase, scissors, teddy bear, hair drier,
toothbrush
"""
COCO = tuple(name.strip() for name in _COCO.split(","))
NAMES = (*COCO, "face", "plate")
IDENTITY = NAMES.index("face"), NAMES.index("plate")  # what by itself says who somebody is
VEHICLES = ("car", "motorcycle", "bus", "train", "truck")
_WORDS = {
    "plate": (
        "license plate", "licence plate", "number plate", "registration plate", "vehicle registration plate",
        "car plate", "vehicle plate", "plates", "license plates", "licence plates", "number plates", "licenseplate",
        "licenceplate", "numberplate", "carplate", "lp", "license", "licence", "vrp",
    ),
    "face": ("faces", "human face", "head", "heads", "human head", "person face"),
    "person": ("people", "persons", "human", "pedestrian", "human body"),
    "motorcycle": ("motorbike",),
    "airplane": ("aeroplane",),
    "couch": ("sofa",),
    "tv": ("tvmonitor", "tv monitor"),
    "dining table": ("diningtable",),
    "potted plant": ("pottedplant",),
}  # fmt: skip
_MEANT = {word: name for name, words in _WORDS.items() for word in words}


def ours(name: str) -> str:
    """What is called `plate` here where a model says `License_Plate`; a name that means nothing here as it is."""
    plain = " ".join(name.replace("_", " ").replace("-", " ").lower().split())
    return plain if plain in NAMES else _MEANT.get(plain, name)
