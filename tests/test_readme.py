"""What the README shows works as shown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from pipeline.config import PipelineConfig
from tests.clips import make_clip
from tests.commands import cleanplate
from tests.runs import ROOT

README = (ROOT / "README.md").read_text()


def test_the_pipeline_in_the_readme_is_the_shipped_one_with_two_workers() -> None:
    block = re.search(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert block
    shown = PipelineConfig.model_validate(yaml.safe_load(block[1]))
    shipped = PipelineConfig.model_validate(yaml.safe_load((ROOT / "configs/remove-people.yaml").read_text()))
    assert [stage.uses for stage in shown.stages] == [stage.uses for stage in shipped.stages]
    assert [stage.options for stage in shown.stages] == [stage.options for stage in shipped.stages]


def test_the_stage_in_the_readme_runs(tmp_path: Path) -> None:
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert code
    module = "from pipeline.frame import Frame\nfrom pipeline.stage import Transform\n\n\n" + code[1]
    (tmp_path / "readme_stage.py").write_text(module)
    (tmp_path / "gray.yaml").write_text(
        "name: gray\nstages:\n"
        "  - {name: ingest, uses: 'stages.ingest:Auto'}\n"
        "  - {name: gray, uses: 'readme_stage:Gray'}\n"
        "  - {name: output, uses: 'stages.output:Auto'}\n"
    )
    out = tmp_path / "gray.mkv"
    done = cleanplate(
        "run", "gray.yaml", "-i", "lavfi:testsrc2=size=160x120:rate=10", "-o", str(out), "--frames", "12",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert out.exists()


def test_the_python_in_the_readme_runs(tmp_path: Path) -> None:
    code = "".join(re.findall(r"```python\n(.*?)```", README, re.DOTALL)[1:])
    make_clip(tmp_path / "street.mp4", 6)
    prelude = "import numpy as np\nimage = np.full((720, 1280, 3), 90, np.uint8)\n"
    ending = "\nassert clean.shape == (720, 1280, 3)\nassert report['frames']['output'] == len(shapes) == 6\n"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "CLEANPLATE__SEGMENTATION__ENGINE": "torch"}
    done = subprocess.run(
        [sys.executable, "-c", prelude + code + ending],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "clean.mp4").exists()


def test_every_command_that_the_readme_names_exists() -> None:
    text = cleanplate("--help").stdout
    for name in re.findall(r"\.venv/bin/cleanplate (\w+)", README):
        assert name in text
