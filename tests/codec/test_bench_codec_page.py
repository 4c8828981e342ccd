"""The page of semantic coding's measures is what the results give, misses and missing figures and all."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from benchmarks import codec, codec_page, codec_plots
from benchmarks.codec_compared import at_ratio, compared, overall
from benchmarks.codec_ways import NEURAL, PLAIN, WAYS
from benchmarks.results import complete, load, save
from stages.ingest.still import read_still

RATES, DECIBELS = [0.05, 0.1, 0.2, 0.4, 0.8], [28.0, 31.0, 34.0, 37.0, 40.0]


def points(factor: float, better: float = 0.0) -> list[dict[str, float]]:
    return [
        {"q": 30, "bpp": factor * rate, "psnr_region": value + better, "psnr_background": value - 4, "vmaf": 2 * value,
         "psnr_whole": value - 3}
        for rate, value in zip(RATES, DECIBELS, strict=True)
    ]  # fmt: skip


def a_clip(saved: float, **more: Any) -> dict[str, Any]:
    curves = {PLAIN: points(1), "roi-12": points(1 - saved), "neural": points(1, -20)}
    facts = {"says": "people", "frames": 48, "size": "640x360", "rate": 25.0, "masks": "true", "share": 0.034}
    simulated = {"psnr_region": 19.0, "psnr_background": 13.0, "psnr_whole": 15.0, "vmaf": 3.0}
    return {
        **facts,
        "open": False,
        "simulated": simulated,
        "curves": curves,
        "compared": compared(curves),
        "at_ratio": at_ratio(curves),
        **more,
    }


@pytest.fixture
def content() -> dict[str, Any]:
    clips = {"good": a_clip(0.3), "poor": a_clip(0.1, open=True, masks="found")}
    kept = {"cap": 300, "settled_s": 0.4, "mean_kbps": 299.6, "highest": 1.07, "psnr_region": 30.0,
            "psnr_background": 24.0, "met": True}  # fmt: skip
    never = {**kept, "cap": 600, "settled_s": None, "met": False}
    floors = [{"floor": 34.0, "psnr_region": 34.4, "worst_region": 33.5, "kbps": 1600.0, "fixed_kbps": 1800.0}]
    caps = {"clip": "good", "rate": 25.0, "steps": [300, 600], "seconds": 8, "within": 0.1, "span_s": 2.0,
            "goal_s": 2.0, "kept": [kept, never], "floors": floors}  # fmt: skip
    run = {"fps": 12.0, "fps_of_rounds": [11.0, 12.0, 13.0], "met": False}
    parts = {"roi": {"stage codec": 9.0, "encode": 5.0}, "neural": {"stage codec": 130.0}}
    speed = {"rounds": 3, "frames": 150, "size": "640x360", "goal_fps": 15.0, "others_busy": 0.1,
             "runs": {"roi": run, "neural": {"fps": 5.0, "fps_of_rounds": [5.0]}}, "parts": parts}  # fmt: skip
    sheets = {"poor": {"picture": "sheet-poor.jpg", "frame": 7, "ratio": 0.1, "rows": {}}}
    return complete(
        "codec", {"clips": clips, "overall": overall(clips), "sheets": sheets, "caps": caps, "speed": speed}
    )


def line_of(page: str, begin: str) -> str:
    return next(line for line in page.splitlines() if line.startswith(begin))


def test_the_page_is_made_from_the_results() -> None:
    """Run `python -m benchmarks.codec --page` where this fails."""
    kept = load(codec_page.RESULT, "codec")
    assert codec_page.PAGE.read_text() == codec_page.page(kept)


def test_the_plots_show_these_results_and_all_pictures_are_there() -> None:
    """Run `python -m benchmarks.codec --page` where this fails."""
    kept, page = load(codec_page.RESULT, "codec"), codec_page.PAGE.read_text()
    for key, name in codec_page.PLOTS.items():
        assert codec_plots.digest(kept["clips"], key).encode() in (codec_page.PICTURES / name).read_bytes()
        assert f"]({name})" in page
    for name, sheet in kept.get("sheets", {}).items():
        assert kept["clips"][name]["open"], f"{name} is not ours to publish"
        assert (codec_page.PICTURES / sheet["picture"]).is_file()


def test_what_was_measured_is_at_least_five_real_clips_with_every_way() -> None:
    clips = load(codec_page.RESULT, "codec")["clips"]
    assert len(clips) >= 5
    wanted = [way.name for way in WAYS if way.name != NEURAL]  # whose weights still change
    assert all([name for name in clip["curves"] if name != NEURAL] == wanted for clip in clips.values())
    for clip in clips.values():
        assert all(len(found) >= 4 for found in clip["curves"].values())


def test_a_goal_is_counted_clip_by_clip(content: dict[str, Any]) -> None:
    line = line_of(codec_page.page(content), "| `roi-12`")
    assert "| -20.0 % |" in line  # the mean of 30 and 10 per cent
    assert "| -10.0 % |" in line  # the worst of all points
    assert line.endswith("| 2 of 2 | 1 of 2 |")


def test_curves_too_far_apart_have_no_figure_and_the_page_says_why(content: dict[str, Any]) -> None:
    page = codec_page.page(content)
    assert line_of(page, "| `neural`").split("|")[2].strip() == "-"
    assert line_of(page, "- No figure of the region: good `neural`, poor `neural`").endswith("no comparison.")


def test_who_wins_at_equal_bytes_is_said_whoever_it_is(content: dict[str, Any]) -> None:
    page = codec_page.page(content)
    assert line_of(page, "| `x264` | 31.0").count("31.0 / 27.0") == 2
    assert "| **32.5** / 28.5 | **31.5** / 27.5 |" in page  # as many decibels as the bytes saved would have given
    assert "| 11.0 / 27.0 | 11.0 / 27.0 |" in line_of(page, "| `neural` | 11.0")
    assert line_of(page, "| noise, no bytes").endswith("| 19.0 / 13.0 | 19.0 / 13.0 |")
    assert line_of(page, "| `x265` |") == "| `x265` | - | - |"


def test_what_is_missed_is_said_to_be_missed(content: dict[str, Any]) -> None:
    page = codec_page.page(content)
    assert line_of(page, "| roi |").endswith("| **missed** |")
    assert line_of(page, "| 600 |").startswith("| 600 | never |")
    assert line_of(page, "| 600 |").endswith("| **no** |")
    assert line_of(page, "| 300 |").endswith("| yes |")


def test_parts_that_were_not_measured_are_not_on_the_page(content: dict[str, Any]) -> None:
    few = {key: value for key, value in content.items() if key not in ("caps", "speed", "sheets")}
    page = codec_page.page(few)
    assert "## Speed" not in page
    assert "## A cap" not in page
    assert "## Bytes where they matter" in page


def test_a_plot_has_a_place_for_every_clip_and_knows_its_results(content: dict[str, Any], tmp_path: Path) -> None:
    clips = content["clips"]
    codec_plots.draw(tmp_path / "plot.png", clips, "psnr_region")
    digest = codec_plots.digest(clips, "psnr_region")
    assert digest.encode() in (tmp_path / "plot.png").read_bytes()
    assert read_still(str(tmp_path / "plot.png")).width > 800
    other = copy.deepcopy(clips)
    other["good"]["curves"]["roi-12"][0]["psnr_region"] += 1
    assert codec_plots.digest(other, "psnr_region") != digest
    assert codec_plots.digest(other, "vmaf") == codec_plots.digest(clips, "vmaf")


def test_what_is_not_asked_for_stays_as_it_was(
    content: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "codec.json"
    save(path, content)
    measured = {**content["speed"], "rounds": 1}
    monkeypatch.setattr(codec.codec_speed, "measure", lambda rounds, told: measured)
    monkeypatch.setattr(codec.codec_page, "write", lambda: pytest.fail("that is another result's page"))
    codec.main(["--only", "speed", "--rounds", "1", "--json", str(path)])
    after = load(path, "codec")
    assert after["speed"]["rounds"] == 1
    assert after["clips"] == content["clips"]
    assert after["caps"] == content["caps"]
