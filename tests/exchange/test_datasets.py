"""Import of the data sets whose layouts ship."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from helpers.pair_files import import_all, make_image, make_mask, omniedit_rows, write_parquet
from helpers.tars import make_tar
from omniedit.exchange.convert import ADJACENT
from omniedit.imaging.images import decode_image, decode_mask, encode_cutout
from omniedit.sources.near_duplicates import perceptual_hash


def test_omniedit_import_keeps_instructions_scores_and_bytes(tmp_path: Path) -> None:
    columns = omniedit_rows(5, extra=[{"a": [1, 2]}] * 5)
    write_parquet(tmp_path / "in/data/train-00000-of-00001.parquet", columns)
    pairs, rejections = import_all(tmp_path / "in", tmp_path / "run", format="omniedit")
    assert rejections == [] and len(pairs) == 5
    first = pairs[0]
    assert (first.pair_id, first.task) == ("omniedit-task_obj_0", "object_swap")
    assert first.instructions == ("Make it 0.", "Turn it into 0.")
    assert (first.source, first.edited) == (columns["src_img"][0]["bytes"], columns["edited_img"][0]["bytes"])
    assert first.imported_scores == {
        **{"sc_score_1": 9, "sc_score_2": 8, "sc_reasoning": "The edit is as asked.", "pq_score": 7},
        **{"pq_reasoning": "No artifacts.", "o_score": 7.48},
    }
    assert first.provenance["imported"] == {
        **{"dataset": "omniedit", "place": "data/train-00000-of-00001.parquet:0", "id": "task_obj_0", "task": "swap"},
        **{"files": {"source": "0.png"}, "columns": {"extra": {"a": [1, 2]}}},
    }
    assert (first.provenance["licence"], first.provenance["ratio"]) == ("MIT", "3x2")
    assert first.provenance["source_phash"] == perceptual_hash(decode_image(first.source))


def test_magicbrush_import_keeps_masks_and_session_turns(tmp_path: Path) -> None:
    image = {"bytes": make_image(), "path": None}
    columns = {
        "img_id": ["7", "7", "8"],
        "turn_index": pa.array([1, 2, 1], pa.int32()),
        "source_img": [image] * 3,
        "mask_img": [{"bytes": make_mask(), "path": None}] * 3,
        "instruction": ["Go."] * 3,
        "target_img": [image] * 3,
    }
    write_parquet(tmp_path / "x.parquet", columns)
    pairs, _ = import_all(tmp_path, tmp_path / "run", format="magicbrush", task="free")
    assert [(pair.session, pair.turn) for pair in pairs] == [
        *(("magicbrush-7", 1), ("magicbrush-7", 2), ("magicbrush-8", 1)),
    ]
    assert [pair.pair_id for pair in pairs] == ["magicbrush-7-1", "magicbrush-7-2", "magicbrush-8-1"]
    assert all(pair.mask == make_mask() and pair.task == "free" for pair in pairs)
    assert pairs[0].provenance["source_id"] == pairs[1].provenance["source_id"] == "7"


def test_anyedit_import_keeps_references_and_maps_tasks(tmp_path: Path) -> None:
    image = {"bytes": make_image(), "path": None}
    columns = {
        "image_id": ["a", "b"],
        "edit_instruction": ["Go."] * 2,
        "edit_type": ["tune_transfer", "visual_depth"],
        "image_file": [image] * 2,
        "edited_file": [image] * 2,
        "visual_input": [None, {"bytes": make_image(4, 9, 9), "path": None}],
    }
    write_parquet(tmp_path / "x.parquet", columns)
    (plain, visual), _ = import_all(tmp_path, tmp_path / "run", format="anyedit")
    assert (plain.task, plain.references) == ("tone_transfer", ())
    assert visual.task == "visual_depth" and [each.image for each in visual.references] == [make_image(4, 9, 9)]


def test_ultraedit_import_keeps_captions_and_similarities(tmp_path: Path) -> None:
    image = {"bytes": make_image(), "path": None}
    scores = {f"clip_sim_{name}": [0.5, float("nan")] for name in ("source", "target", "dir", "image")}
    columns = {**scores, "dinov2_sim": [0.25] * 2, "ssim": [0.75] * 2, "idx": [1, 2], "edit_prompt": ["Go."] * 2}
    columns |= {"source_caption": ["a dog"] * 2, "target_caption": ["a cat", None]}
    columns |= {"source_image": [image] * 2, "edited_image": [image] * 2}
    write_parquet(tmp_path / "x.parquet", columns)
    (first, second), _ = import_all(tmp_path, tmp_path / "run", format="ultraedit")
    assert first.imported_scores["clip_sim_dir"] == 0.5 and "clip_sim_dir" not in second.imported_scores
    assert (first.captions.source, first.captions.edited, second.captions.edited) == ("a dog", "a cat", None)
    assert first.task == "unspecified"


def test_imgedit_import_reads_images_in_tars_and_turns(tmp_path: Path) -> None:
    members = [(f"results/{name}.png", make_image(number)) for number, name in enumerate(("in", "out", "out2"))]
    (tmp_path / "in/Singleturn").mkdir(parents=True)
    (tmp_path / "in/Singleturn/x.tar").write_bytes(make_tar(*members))
    row = {"input_images": ["results/in.png"], "output_images": ["results/out.png"], "prompt": "Go."}
    write_parquet(tmp_path / "in/Parquet/remove_part5.parquet", {name: [value] for name, value in row.items()})
    turns = [row, {"input_images": ["results/out.png"], "output_images": ["results/out2.png"], "prompt": "Then go."}]
    write_parquet(tmp_path / "in/Parquet/version_part0.parquet", {"data": [turns]})
    pairs, rejections = import_all(tmp_path / "in", tmp_path / "run", format="imgedit")
    assert rejections == []
    assert [(pair.source, pair.edited) for pair in pairs] == [
        (make_image(0), make_image(1)),
        (make_image(0), make_image(1)),
        (make_image(1), make_image(2)),
    ]
    assert [(pair.session, pair.turn) for pair in pairs] == [
        (None, None),
        ("imgedit-Parquet/version_part0-0", 1),
        ("imgedit-Parquet/version_part0-0", 2),
    ]


def test_magicbrush_masks_are_the_transparent_pixels_of_the_source(tmp_path: Path) -> None:
    inside = np.zeros((32, 48), bool)
    inside[4:9, 10:20] = True
    image = {"bytes": make_image(), "path": None}
    cutout = {"bytes": encode_cutout(decode_image(make_image()), inside), "path": None}
    columns: dict[str, Any] = {"img_id": ["7"], "turn_index": [1], "instruction": ["Go."], "mask_img": [cutout]}
    write_parquet(tmp_path / "x.parquet", {**columns, "source_img": [image], "target_img": [image]})
    (pair,), _ = import_all(tmp_path, tmp_path / "run", format="magicbrush")
    assert pair.mask is not None and np.array_equal(decode_mask(pair.mask), inside)
    assert pair.provenance["imported"]["changes"] == {"mask": "read from the transparency"}


def test_instructpix2pix_is_read_from_folders_with_seeds(tmp_path: Path) -> None:
    for folder, key in (("0000000", "caption"), ("0000007", "input")):
        (tmp_path / folder).mkdir()
        prompt = {key: "a dog", "edit": "make it a cat", "output": "a cat"}
        (tmp_path / folder / "prompt.json").write_text(json.dumps(prompt))
        (tmp_path / folder / "metadata.jsonl").write_text('{"seed": 12, "clip_sim_dir": 0.25}\n')
        for place in (0, 1):
            (tmp_path / folder / f"12_{place}.jpg").write_bytes(make_image(place, kind="JPEG"))
    seeds = [["0000000", ["12"]], ["0000007", ["12", "13"]], ["../0000000", ["12"]], ["0000009", ["12"]], "x"]
    (tmp_path / "seeds.json").write_text(json.dumps(seeds))
    pairs, rejections = import_all(tmp_path, tmp_path / "run", format="instructpix2pix", shards=2)
    read = {(pair.instruction, pair.captions.source, pair.captions.edited, pair.source, pair.edited) for pair in pairs}
    assert read == {("make it a cat", "a dog", "a cat", make_image(0, kind="JPEG"), make_image(1, kind="JPEG"))}
    ids = sorted(pair.provenance["imported"]["id"] for pair in pairs)
    assert ids == ["0000000/12", "0000007/12"] and len({pair.pair_id for pair in pairs}) == 2
    assert pairs[0].provenance["imported"]["columns"] == {"seed": 12, "clip_sim_dir": 0.25}
    assert {each.source_id: each.reason for each in rejections} == {
        "seeds.json/0000007/13": "column 'original_image': '0000007/13_0.jpg': no such file",
        "seeds.json:2": "'../0000000' leaves the table's folder",
        "seeds.json:3": "0000009/prompt.json: no such file",
        "seeds.json:4": "not a folder with a list of seeds",
    }


def test_x2edit_import_accepts_all_its_column_names(tmp_path: Path) -> None:
    about = {"instruction": "Go.", "task": "\u5220\u9664\u4e3b\u4f53", "score_7b": "[9, 8]", "label": "step1x"}
    about |= {"caption_en": "A photo of a bed."}
    tar = make_tar(
        *(("0.1.0.jpg", make_image(0)), ("0.1.1.jpg", make_mask()), ("0.2.jpg", make_image(1))),
        ("0.json", json.dumps(about).encode()),
        *(("1.1.jpg", make_image(2)), ("1.2.jpg", make_image(3)), ("1.json", b'{"caption_en": "Run.", "task": "odd"}')),
        *(("2.1.jpg", make_image(2)), ("2.json", b'{"caption_en": "Run."}')),
    )
    (tmp_path / "x.tar").write_bytes(tar)
    (first, second), (rejection,) = import_all(tmp_path, tmp_path / "run", format="x2edit")
    assert (first.task, first.source, first.edited) == ("object_removal", make_image(0), make_image(1))
    assert (first.instructions, first.mask, first.references) == (("Go.",), make_mask(), ())
    assert first.imported_scores == {"score_7b": "[9, 8]"}
    assert first.provenance["imported"]["columns"] == {"label": "step1x", "caption_en": "A photo of a bed."}
    assert (second.task, second.instruction, second.source) == ("odd", "Run.", make_image(2))
    assert (rejection.source_id, rejection.reason) == (
        "x.tar/2",
        "no edited image in 2; the row has caption_en, 1.jpg; "
        f"if another column holds it, give --columns edited=NAME; {ADJACENT}",
    )


def test_paths_of_gpt_image_edit_begin_above_the_folder_of_the_table(tmp_path: Path) -> None:
    for task, color in (("hqedit/edit", 0), ("ultraedit/add", 2)):
        folder = tmp_path / "gpt-edit" / task
        for number, name in enumerate(("input", "output")):
            (folder / name).mkdir(parents=True)
            (folder / name / "7.png").write_bytes(make_image(color + number))
        about = {"id": f"{task}_7", "task": folder.name, "input": "input/7.png", "output": "output/7.png"}
        (folder / "metadata").mkdir()
        (folder / "metadata/x.json").write_text(json.dumps([{**about, "instruction": "Go."}]))
    pairs, rejections = import_all(tmp_path / "gpt-edit", tmp_path / "run", format="gpt-image-edit")
    assert rejections == [] and [pair.source for pair in pairs] == [make_image(0), make_image(2)]
    assert [pair.task for pair in pairs] == ["edit", "object_addition"]


def test_scaleedit_ids_are_unique_across_files(tmp_path: Path) -> None:
    for task in ("style", "add"):
        columns: dict[str, Any] = {"id": [0, 1], "edit_task": [task] * 2, "edit_instruction": ["Go."] * 2}
        columns |= {"source_image": [make_image()] * 2, "edited_image": [make_image()] * 2}
        columns |= {f"{name}_image_{side}": [9] * 2 for name in ("source", "edited") for side in ("width", "height")}
        names = ("instruction_following", "editing_consistency", "generation_quality")
        columns |= {f"{name}_score": [3] * 2 for name in names}
        write_parquet(tmp_path / f"in/{task}/{task}_0000.parquet", columns)
    pairs, _ = import_all(tmp_path / "in", tmp_path / "run", 2, format="scaleedit")
    assert len({pair.pair_id for pair in pairs}) == 4
    assert pairs[0].imported_scores["generation_quality_score"] == 3
