"""Editors of all kinds next to the run's own, and a judge, configured as a user would; endpoints on this machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from helpers.images_server import serving_images
from helpers.tiny_pipelines import make_pipeline
from helpers.vlm_server import says, serving

SIX = ("editnet", "No edit", "outside", "copy", "tiny_pix2pix", "images")
"""Labels in tables of the run's own editor and of `EDITORS`."""
EDITORS = ["no_edit", "outside=outputs", "copy", "tiny_pix2pix", "images"]
"""No edit, a folder of outputs, a command line, a pipeline of diffusers with random weights, and an endpoint."""
FILE = "editors.yaml"
COPY = "import shutil, sys; shutil.copy(*sys.argv[1:])"
PIPELINE = "StableDiffusionInstructPix2PixPipeline"


@contextmanager
def serving_rivals(root: Path) -> Iterator[dict[str, Any]]:
    """Write the entries and the tiny pipeline of `EDITORS` to a run's folder, and yield keys of `bench` for them.

    The images endpoint and the judge answer until the end.
    """
    make_pipeline(PIPELINE).save_pretrained(root / "tiny_pix2pix")
    with serving_images() as images, serving(says('{"score": [7, 6, 8], "reasoning": "It fits."}')) as judge:
        (root / FILE).write_text(yaml.safe_dump(_entries(images.url)))
        api = {"url": judge.url, "model": "judge", "key_env": None}
        judges = {"remote": {"judge": "api", "scoring": {"api": api}}}
        yield {"editors": EDITORS, "editors_file": FILE, "judges": judges}


def _entries(url: str) -> dict[str, Any]:
    return {
        "copy": {"kind": "command", "command": ["python", "-c", COPY, "{image}", "{output}"]},
        "tiny_pix2pix": {
            "kind": "diffusers",
            "class": PIPELINE,
            "folder": "tiny_pix2pix",
            "licence": "none",
            "sizes": {"policy": "square", "side": 64},
            "arguments": {"num_inference_steps": 2},
        },
        "images": {"kind": "endpoint", "endpoint": {"url": url, "model": "images", "key_env": None}},
    }
