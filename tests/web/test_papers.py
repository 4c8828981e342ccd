"""What a run leaves in writing is shown without where things are on this machine."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.web.papers import report_of


def test_a_report_shows_no_path_of_this_machine(tmp_path: Path) -> None:
    inside = {"weights": "/opt/models/yolo.pt", "rate": "30000/1001", "n": [1, None, "recording:/srv/media/abc/x"]}
    (tmp_path / "report.json").write_text(json.dumps({"input": "rtsp://u:geheim@10.0.0.1/a", "none": "", "of": inside}))
    found = report_of(tmp_path / "report.json")
    assert found is not None
    assert found["of"] == {"weights": "yolo.pt", "rate": "30000/1001", "n": [1, None, "recording:x"]}
    assert found["none"] == ""
    assert "geheim" not in found["input"]
    assert found["input"].endswith("10.0.0.1/a")
