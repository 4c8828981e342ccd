"""docs/peers.md is what the results give, and says of itself where others are better."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from benchmarks import peers, peers_losses, peers_page, peers_plots, results


def figures(says: str, *, ours: bool = False, **better: Any) -> dict[str, Any]:
    """What `peers_run.measure` says of one."""
    found = {
        "frames_per_s": 8.0, "steady_fps": 20.0, "first_s": 4.0, "cpu_ms_per_frame": 110.0, "peak_mb": 1500.0,
        "kb_per_frame": 5.0, "late_ms": 90.0, "inside_db": 38.0, "outside_db": 40.0, "flicker": 0.2,
    }  # fmt: skip
    return {"says": says, "ours": ours, "frames": 150, **found, **better}


@pytest.fixture
def content() -> dict[str, Any]:
    """A result: LaMa with random weights, an OpenCV that is quicker, queues, and ours twice."""
    others = {
        "YOLO + LaMa": figures("the usual loop", frames=8, steady_fps=0.5, inside_db=55.0, flicker=None),
        "OpenCV": figures("MOG2 and `cv2.inpaint`", steady_fps=31.0, peak_mb=120.0, inside_db=20.0, flicker=3.0),
        "queues": figures("three processes", steady_fps=10.0, late_ms=180.0, peak_mb=3000.0, cpu_ms_per_frame=220.0),
    }
    own = {
        "cleanplate, same steps": figures("what the queues do", ours=True),
        "cleanplate": figures("as shipped", ours=True),
    }
    task = {"frames": 150, "rounds": 3, "lama": "random weights of big-lama's architecture", "others_busy": 0.02}
    return results.complete("peers", {"tasks": {"remove": {**task, "peers": others | own}}})


def row(page: str, who: str) -> str:
    return next(line for line in page.splitlines() if line.startswith(f"| {who} |"))


def test_the_page_is_made_from_the_results() -> None:
    """Run `python -m benchmarks.peers --page` where this fails."""
    assert peers_page.PAGE.read_text() == peers_page.page()


def test_the_plot_shows_these_results() -> None:
    """Run `python -m benchmarks.peers --page` where this fails."""
    if not peers_page.RESULT.exists():
        assert not peers_page.PLOT.exists(), "a plot of nothing"
        return
    shown = peers_plots.digest(results.load(peers_page.RESULT, "peers"))
    assert shown.encode() in peers_page.PLOT.read_bytes()


def test_everybody_has_a_row_and_ours_stand_out(content: dict[str, Any]) -> None:
    page = peers_page.made(content)
    assert row(page, "OpenCV") == ("| OpenCV | 8.00 | 31.00 | 4.0 | 90 | 110 | 120 | 5.0 | 20.0 | 40.0 | 3.00 |")
    assert row(page, "**cleanplate**").endswith("| 1500 | 5.0 | 38.0 | 40.0 | 0.20 |")
    assert "it takes 8 of the frames" in page.replace("\n", " ")


def test_what_random_weights_paint_is_no_figure(content: dict[str, Any]) -> None:
    assert row(peers_page.made(content), "YOLO + LaMa").endswith("| 5.0 |  |  |  |")
    assert "55.0" not in peers_page.made(content)
    content["tasks"]["remove"]["lama"] = "big-lama"
    assert row(peers_page.made(content), "YOLO + LaMa").endswith("| 5.0 | 55.0 | 40.0 |  |")
    assert "to **YOLO + LaMa**: hole dB 55.0 against 38.0" in peers_page.made(content)


def test_where_others_are_better_is_said_with_both_figures(content: dict[str, Any]) -> None:
    page = peers_page.made(content)
    assert "- to **OpenCV**: at it 31.00 against 20.00, memory, MB 120 against 1500\n" in page
    assert "to **queues**" not in page, "they are better in nothing"
    assert "to **YOLO + LaMa**" not in page
    assert "2.00 times the rate, 0.50 times the latency, 0.50 times the CPU and 0.50 times the memory" in page


def test_nobody_is_better_by_a_hair() -> None:
    ours = figures("", ours=True)
    for key, barely, clearly in (
        ("steady_fps", 20.9, 21.1), ("late_ms", 86.0, 85.0), ("inside_db", 38.2, 38.4), ("peak_mb", 1430.0, 1420.0),
    ):  # fmt: skip
        assert not peers_losses.beats(key, figures("", **{key: barely}), ours), key
        assert peers_losses.beats(key, figures("", **{key: clearly}), ours), key
    assert not peers_losses.beats("kb_per_frame", figures("", kb_per_frame=1.0), ours), (
        "a smaller file is no better one"
    )
    assert not peers_losses.beats("recall", figures(""), ours), "who has no such figure is not better in it"
    assert not peers_losses.beats("flicker", figures("", flicker=None), ours)


def test_who_loses_nothing_says_so(content: dict[str, Any]) -> None:
    content["tasks"]["remove"]["peers"].pop("OpenCV")
    assert "Where we lose:\n\n- nowhere here\n" in peers_page.made(content)


def test_clips_with_a_known_background_are_a_table_of_their_own(content: dict[str, Any]) -> None:
    found = {who: one for who, one in content["tasks"]["remove"]["peers"].items() if who != "YOLO + LaMa"}
    content["tasks"]["composites"] = {"clips": {"pan_stream_walk": found}, "others_busy": 0.0}
    lines = peers_page.made(content).splitlines()
    assert "| clip | OpenCV | queues | cleanplate, same steps | cleanplate |" in lines
    assert "| pan_stream_walk | 20.0 / 3.0 | 38.0 / 0.2 | 38.0 / 0.2 | 38.0 / 0.2 |" in lines


def test_the_plot_changes_with_what_it_shows(content: dict[str, Any], tmp_path: Path) -> None:
    peers_plots.draw(tmp_path / "plot.png", content)
    other = copy.deepcopy(content)
    other["tasks"]["remove"]["peers"]["OpenCV"]["peak_mb"] += 1
    assert peers_plots.digest(other) != peers_plots.digest(content)
    drawn = (tmp_path / "plot.png").read_bytes()
    assert peers_plots.digest(content).encode() in drawn
    assert len(drawn) > 10_000


def test_what_is_not_measured_again_stays_as_it_was(
    content: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results.save(tmp_path / "peers.json", content)
    new = {"copy": {**content["tasks"]["remove"], "frames": 30}}
    monkeypatch.setattr(peers, "measured", lambda *_: new)
    peers.main(["--only", "copy", "--json", str(tmp_path / "peers.json")])
    kept = results.load(tmp_path / "peers.json", "peers")["tasks"]
    assert kept["remove"] == content["tasks"]["remove"]
    assert kept["copy"]["frames"] == 30


def test_what_needs_the_test_data_is_refused_without_it_before_anything_is_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(peers, "measured", lambda *given: asked.append(given) or {})
    with pytest.raises(SystemExit):
        peers.main(["--only", "faces", "--json", str(tmp_path / "peers.json")])
    assert "--data FOLDER is missing" in capsys.readouterr().err
    peers.main(["--rounds", "1", "--json", str(tmp_path / "peers.json")])
    assert "faces and composites: not measured without --data FOLDER" in capsys.readouterr().out
    assert [given[:4] for given in asked] == [(None, 1, peers.FRAMES, "")]
