"""Tests of perception data: regions are painted exactly as asked, questions become a table, bad rows are recorded."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniedit.config.pairs import ImportConfig
from omniedit.errors import UserError
from omniedit.exchange.importing import ImportOptions, import_pairs
from omniedit.exchange.perception.painting import OPACITY, PAINT_COLOURS
from omniedit.exchange.perception.questions import VQA_SCHEMA, import_questions
from omniedit.exchange.perception.regions import BadRegion, decode_region, decompress_runs
from omniedit.pairs import EditPair, Shard

HEIGHT, WIDTH = 60, 80
SQUARE = [[10, 10, 39, 10, 39, 49, 10, 49]]


def write_image(folder: Path, name: str, seed: int = 0) -> np.ndarray:
    folder.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    PIL.Image.fromarray(pixels).save(folder / name)
    return pixels


def coco(images: list[str], annotations: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "images": [
            {"id": place, "file_name": name, "height": HEIGHT, "width": WIDTH, "license": 4}
            for place, name in enumerate(images)
        ],
        "annotations": annotations,
        "categories": [{"id": 1, "name": "dog"}, {"id": 2, "name": "sky-other-merged", "isthing": 0}],
        "licenses": [{"id": 4, "name": "CC BY 2.0"}],
    }


def read(run: Path, name: str) -> tuple[list[EditPair], list[str]]:
    with Shard(run / "candidates" / name / "00000.h5") as shard:
        return [shard[row] for row in range(len(shard))], [each.reason for each in shard.rejections]


def is_painted(pair: EditPair) -> bool:
    """Return whether the pair's mask is painted as its truth says, and the rest is the source's."""
    assert pair.mask is not None
    paints = [np.array(each["rgb"]) for each in pair.provenance["truth"]["painted"]]
    mixed = [np.rint((1 - OPACITY) * pair.source + OPACITY * paint) for paint in paints]
    hit = np.any([(np.abs(pair.edited - each) < 1).all(axis=2) for each in mixed], axis=0)
    return bool(hit[pair.mask].all() and np.array_equal(pair.source[~pair.mask], pair.edited[~pair.mask]))


def test_instances_of_a_category_are_painted_and_bad_rows_recorded(tmp_path: Path) -> None:
    write_image(tmp_path, "a.png")
    write_image(tmp_path, "b.png", 1)
    other = {"segmentation": [[50, 5, 70, 5, 70, 25, 50, 25]], "category_id": 1}
    rows = [
        {"image_id": 0, "segmentation": SQUARE, "category_id": 1},
        {"image_id": 0, **other},
        {"image_id": 1, "segmentation": SQUARE, "category_id": 1},
        {"image_id": 2, "segmentation": SQUARE, "category_id": 1},
        {"image_id": 3, "segmentation": [[1, 2]], "category_id": 1},
        {"image_id": 9, "segmentation": SQUARE, "category_id": 1},
    ]
    (tmp_path / "instances.json").write_text(json.dumps(coco(["a.png", "b.png", "missing.png", "a.png"], rows)))
    import_pairs(str(tmp_path / "instances.json"), ImportOptions(format="coco"), tmp_path / "run")
    pairs, reasons = read(tmp_path / "run", "coco")
    assert [pair.task for pair in pairs] == ["referring_segmentation"] * 2 and all(map(is_painted, pairs))
    assert "every dog" in pairs[0].instruction and "the dog" in pairs[1].instruction
    assert pairs[0].mask is not None and pairs[0].mask[15, 60] and pairs[0].mask[30, 20] and not pairs[0].mask[0, 0]
    assert {pair.provenance["licence"] for pair in pairs} == {"CC BY 2.0"}
    assert len(reasons) == 3 and "no such file" in reasons[0] and "fewer than three" in reasons[1]
    assert "lists no image" in reasons[2]


def test_panoptic_segments_are_painted_in_different_colours(tmp_path: Path) -> None:
    write_image(tmp_path / "images", "a.jpg")
    segments = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    segments[:20], segments[20:], segments[30:50, 30:60] = (5, 1, 0), (0, 0, 0), (7, 0, 0)
    (tmp_path / "panoptic").mkdir()
    PIL.Image.fromarray(segments).save(tmp_path / "panoptic/a.png")
    info = [{"id": 5 + 256, "category_id": 2}, {"id": 7, "category_id": 1}]
    annotation = {"image_id": 0, "file_name": "a.png", "segments_info": info}
    (tmp_path / "panoptic.json").write_text(json.dumps(coco(["a.jpg"], [annotation])))
    options = ImportOptions(format="coco", images=str(tmp_path / "images"))
    import_pairs(str(tmp_path / "panoptic.json"), options, tmp_path / "run")
    (pair,), _ = read(tmp_path / "run", "coco")
    painted = pair.provenance["truth"]["painted"]
    assert pair.task == "panoptic_segmentation" and is_painted(pair)
    assert [each["object"] for each in painted] == ["the sky", "the dog"]
    assert len({each["colour"] for each in painted}) == 2
    assert pair.instruction == f"Paint the sky {painted[0]['colour']} and the dog {painted[1]['colour']}."
    assert pair.mask is not None and pair.mask[5, 5] and pair.mask[40, 40] and not pair.mask[55, 5]


def test_referring_expressions_paint_the_instance_that_they_mean(tmp_path: Path) -> None:
    write_image(tmp_path, "a.png")
    instance = {"id": 12, "image_id": 0, "segmentation": SQUARE, "category_id": 1}
    (tmp_path / "instances.json").write_text(json.dumps(coco(["a.png"], [instance])))
    refs = [
        {"ref_id": 1, "ann_id": 12, "sentences": [{"sent": "left dog."}, {"sent": "the brown one"}]},
        {"ref_id": 2, "ann_id": 13, "sentences": ["right dog"]},
        {"ref_id": 3, "ann_id": 12, "sentences": []},
        {"ref_id": 4, "sentences": ["a dog"], "segmentation": SQUARE, "file_name": "a.png", "height": 61, "width": 80},
    ]
    (tmp_path / "refs.json").write_text(json.dumps(refs))
    import_pairs(str(tmp_path / "refs.json"), ImportOptions(format="refcoco"), tmp_path / "run")
    (pair,), reasons = read(tmp_path / "run", "refcoco")
    assert is_painted(pair) and len(pair.instructions) == 2
    assert "the left dog" in pair.instructions[0] and "the brown one" in pair.instructions[1]
    assert ["no annotation 13" in reasons[0], "no sentence" in reasons[1], "says 80 x 61" in reasons[2]] == [True] * 3
    with pytest.raises(UserError, match="a pickle can run code"):
        import_pairs(str(tmp_path / "refs.p"), ImportOptions(format="refcoco"), tmp_path / "other")


@pytest.mark.parametrize(
    ("key", "entry", "message"),
    [
        ("images", "a.png", r"images\[1\] is 'a.png', not a mapping"),
        ("annotations", {"id": 1, "image_id": [0]}, r"annotations\[1\]: 'image_id' is \[0\], not a number or text"),
        ("annotations", {"image_id": 0, "category_id": {}}, r"annotations\[1\]: 'category_id' is {}"),
        ("categories", {"name": "dog"}, r"categories\[\d\]: 'id' is None"),
    ],
)
def test_a_malformed_entry_is_an_error_with_its_place(tmp_path: Path, key: str, entry: Any, message: str) -> None:
    write_image(tmp_path, "a.png")
    content = coco(["a.png"], [{"id": 12, "image_id": 0, "segmentation": SQUARE, "category_id": 1}])
    content[key].append(entry)
    (tmp_path / "instances.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=message):
        import_pairs(str(tmp_path / "instances.json"), ImportOptions(format="coco"), tmp_path / "run")


def test_sentences_and_ids_of_another_form_are_rejected_rows(tmp_path: Path) -> None:
    write_image(tmp_path, "a.png")
    instance = {"id": 12, "image_id": 0, "segmentation": SQUARE, "category_id": 1}
    (tmp_path / "instances.json").write_text(json.dumps(coco(["a.png"], [instance])))
    refs = [{"ann_id": 12, "sentences": sentences} for sentences in (["left dog"], "the dog", 5)]
    (tmp_path / "refs.json").write_text(json.dumps([*refs, {"ann_id": [12], "sentences": ["dog"]}]))
    import_pairs(str(tmp_path / "refs.json"), ImportOptions(format="refcoco"), tmp_path / "run")
    pairs, reasons = read(tmp_path / "run", "refcoco")
    assert len(pairs) == 1 and sorted(reason.split(":")[-1].strip() for reason in reasons) == [
        "instances.json has no annotation [12]",
        "sentences is 'the dog', not a list of texts",
        "sentences is 5, not a list of texts",
    ]


def test_shards_share_the_images_without_overlap(tmp_path: Path) -> None:
    for place in range(5):
        write_image(tmp_path, f"{place}.png", place)
    rows = [{"image_id": place, "segmentation": SQUARE, "category_id": 1} for place in range(5)]
    (tmp_path / "i.json").write_text(json.dumps(coco([f"{place}.png" for place in range(5)], rows)))
    import_pairs(str(tmp_path / "i.json"), ImportOptions(format="coco"), tmp_path / "run", shards=2)
    ids = []
    for file in sorted((tmp_path / "run/candidates/coco").glob("*.h5")):
        with Shard(file) as shard:
            ids += shard.pair_ids
    assert len(ids) == len(set(ids)) == 5


def test_questions_become_a_table_with_images_and_reasons(tmp_path: Path) -> None:
    write_image(tmp_path / "images", "a.png")
    turns = [{"from": "human", "value": "<image>\nWhat is it?"}, {"from": "gpt", "value": "Noise."}]
    rows = [
        {"id": "1", "image": "a.png", "conversations": turns * 2},
        {"id": "2", "image": "b.png", "conversations": turns},
        {"id": "3", "image": "a.png", "conversations": turns[:1]},
        {"id": "4", "conversations": turns},
        {"id": "5", "image": "a.png", "conversations": turns[::-1]},
    ]
    (tmp_path / "llava.json").write_text(json.dumps(rows))
    path, images = str(tmp_path / "llava.json"), str(tmp_path / "images")
    counts = import_questions(path, "llava", tmp_path / "run", images, 1, "cc-by-4.0", None)
    assert (counts.conversations, counts.questions, counts.reasons.total()) == (1, 2, 4)
    table = pq.read_table(tmp_path / "run/vqa/llava/00000.parquet")
    assert table.schema.equals(VQA_SCHEMA)
    good, *refused = table.to_pylist()
    assert good["questions"] == ["What is it?"] * 2 and good["answers"] == ["Noise."] * 2
    assert good["family"] == "perception" and good["licence"] == "cc-by-4.0" and good["refused"] is None
    assert PIL.Image.open(io.BytesIO(good["image"])).size == (WIDTH, HEIGHT)
    assert all(row["refused"] and row["image"] is None for row in refused)
    with pytest.raises(UserError, match="already has questions"):
        import_questions(path, "llava", tmp_path / "run", images, 1, None, None)


def test_questions_are_not_pairs_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "llava.json").write_text("[]")
    with pytest.raises(UserError, match="no edited image; run omniedit import llava"):
        import_pairs(str(tmp_path / "llava.json"), ImportOptions(format="llava"), tmp_path / "run")
    with pytest.raises(ValueError, match="no edited image"):
        ImportConfig(path="llava.json", format="llava")


def compress(runs: list[int]) -> str:
    """Encode run lengths as COCO does."""
    text = ""
    for place, run in enumerate(runs):
        value, more = run - runs[place - 2] if place > 2 else run, True
        while more:
            code = value & 0x1F
            value >>= 5
            more = not ((value == -1 and code & 0x10) or (value == 0 and not code & 0x10))
            text += chr((code | 0x20 if more else code) + 48)
    return text


@given(st.lists(st.integers(0, 40_000), min_size=1, max_size=20))
def test_compressed_run_lengths_are_read_back(runs: list[int]) -> None:
    assert decompress_runs(compress(runs)) == runs


def test_runs_fill_the_mask_column_by_column() -> None:
    mask = decode_region({"size": [3, 2], "counts": [1, 2, 1, 2]}, 3, 2)
    assert mask.tolist() == [[False, False], [True, True], [True, True]]
    assert np.array_equal(mask, decode_region({"size": [3, 2], "counts": compress([1, 2, 1, 2])}, 3, 2))


@pytest.mark.parametrize(
    ("segmentation", "reason"),
    [
        (None, "neither polygons nor run lengths"),
        ([], "neither polygons nor run lengths"),
        ([["x", 1, 2, 3, 4, 5]], "not a list of x and y"),
        ([[900, 900, 901, 900, 901, 901]], "covers no pixel"),
        ({"size": [3, 3], "counts": [9]}, "the region's size"),
        ({"size": [3, 2], "counts": [1, 2]}, "sum to 3"),
        ({"size": [3, 2], "counts": "~~"}, "damaged"),
        ({"size": [3, 2], "counts": [6]}, "covers no pixel"),
    ],
)
def test_damaged_region_is_rejected_with_the_reason(segmentation: Any, reason: str) -> None:
    with pytest.raises(BadRegion, match=reason):
        decode_region(segmentation, 3, 2)


def test_paints_are_far_apart() -> None:
    values = np.array(list(PAINT_COLOURS.values()))
    gaps = np.linalg.norm(values[:, None] - values[None], axis=2) + 1e3 * np.eye(len(values))
    assert gaps.min() > 60
