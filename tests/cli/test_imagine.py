"""Test of `omniedit imagine`: replies of an endpoint become photos whose pairs say that they are generated."""

import argparse
import json
from pathlib import Path

import pytest
import yaml

from helpers import tiny_folders
from helpers.vlm_server import Handler, completion, serving
from omniedit.cli import imagine
from omniedit.config.schema import LearnedConfig
from omniedit.errors import UserError
from omniedit.models.registry import get_model
from omniedit.sources.archived import ArchivedPhoto
from omniedit.sources.photo import GENERATED, Photo
from omniedit.sources.webdataset import tar_photos
from omniedit.specialists import registry
from omniedit.specialists.base import EditResult
from omniedit.specialists.learned import shared_models
from omniedit.specialists.learned.shared_models import Toolbox
from omniedit.specialists.synthesize import _rights

SCENES = [
    {"concepts": ["dog", "fog"], "place": "the night", "caption": "a dog in fog at night"},
    {"concepts": ["car", "drum"], "place": "a path", "caption": "a car by a drum on a path"},
    {"concepts": ["fig", "brush"], "place": "the moon", "caption": "a fig and a brush on the moon"},
]


def answer(handler: Handler, body: dict) -> None:
    handler.answer(completion(json.dumps({"scenes": SCENES})))


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    imagine.add_arguments(parser)
    return parser.parse_args(arguments)


def test_scenes_become_captioned_photos_marked_as_generated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    learned = LearnedConfig(replies="", batch_size=2, resolution=64, steps=1)
    monkeypatch.setattr(registry, "open_toolbox", lambda config: Toolbox(learned, "cpu"))
    monkeypatch.setattr(shared_models, "model_folder", lambda role: tiny_folders.make_sdxl(tmp_path / role))
    (tmp_path / "concepts.txt").write_text("dog\nfog\ncar\ndrum\nfig\nbrush\n")
    (tmp_path / "places.txt").write_text("the night\na path\n")
    with serving(answer) as endpoint:
        api = {"url": endpoint.url, "model": "writer", "key_env": None, "cache": str(tmp_path / "cache")}
        config = {"proposals": {"source": "api", "tries": 1, "api": api}}
        (tmp_path / "my.yaml").write_text(yaml.safe_dump(config))
        out, names = tmp_path / "00000.tar", ("concepts", "places")
        lists = [option for name in names for option in (f"--{name}", str(tmp_path / f"{name}.txt"))]
        imagine.run(parse(str(out), "--config", str(tmp_path / "my.yaml"), "--scenes", "6", *lists))
    with out.open("rb") as file:
        photos = [each for each in tar_photos(file, out.name) if isinstance(each, ArchivedPhoto)]
    assert [photo.caption.caption for photo in photos] == [scene["caption"] for scene in SCENES[:2]]
    about = photos[0].caption
    assert [thing.name for thing in about.objects] == ["dog", "fog"] and about.id == "scene-00000-000000"
    model = get_model("generation")
    assert about.licence == model.licence and about.origin.startswith(f"{GENERATED}{model.repository}@{model.revision}")
    photo = Photo("a", None, "1x1", licence=about.licence, author="", origin=about.origin)
    assert _rights(photo, EditResult(None, None, {}))["generated"] is True
    said = capsys.readouterr().out
    assert "rejected a scene: 'the moon' is not one of the places" in said and "2 of 6 scenes" in said


def test_recorded_replies_are_rejected_for_scenes(tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text("run: mini\n")
    with pytest.raises(UserError, match="recorded replies cannot propose scenes; give api or local"):
        imagine.run(parse(str(tmp_path / "0.tar"), "--config", str(tmp_path / "my.yaml")))
