"""Tests of folders of source and edited images, as trainers read and write them."""

from pathlib import Path

import pytest

from helpers.pair_files import import_all, make_image, make_mask, read_all
from omniedit.errors import UserError
from omniedit.exchange.folders import list_folder_files
from omniedit.exchange.importing import ImportOptions, import_shard


def put(root: Path, name: str, content: bytes | str = b"") -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize(
    ("control", "target"),
    [
        *(("source", "target"), ("control", "target"), ("Input", "Output"), ("before", "after")),
        *(("source_images", "target_images"), ("control_images", "images"), ("start", "end")),
    ],
)
def test_equal_names_in_two_folders_form_pairs(control: str, target: str, tmp_path: Path) -> None:
    source, edited = make_image(0, kind="JPEG"), make_image(1)
    put(tmp_path, f"{control}/a b.jpg", source)
    put(tmp_path, f"{target}/a b.png", edited)
    put(tmp_path, f"{target}/a b.txt", "\ufeffMake it night.\n")
    (pair,), rejections = import_all(tmp_path, tmp_path / "run", format="folders", task="night")
    assert (pair.source, pair.edited, pair.mask) == (source, edited, None)
    assert (pair.instructions, pair.task) == (("Make it night.",), "night")
    assert pair.pair_id.startswith("folders-a-b-") and pair.provenance["imported"]["id"] == "a b"
    assert rejections == []


def test_further_control_folders_are_references_and_masks_are_masks(tmp_path: Path) -> None:
    for number, name in enumerate(("control", "control_2", "control_10", "target")):
        put(tmp_path, f"{name}/x.png", make_image(number))
    put(tmp_path, "masks/x.png", make_mask())
    put(tmp_path, "control/x.txt", "Go.")
    (pair,), _ = import_all(tmp_path, tmp_path / "run", format="folders")
    assert [each.role for each in pair.references] == ["control", "control"]
    assert [each.image for each in pair.references] == [make_image(1), make_image(2)]
    assert pair.mask == make_mask() and pair.source == make_image(0)


def test_numbered_controls_in_one_folder_are_references(tmp_path: Path) -> None:
    for number in range(3):
        put(tmp_path, f"control/x_{number}.png", make_image(number))
    put(tmp_path, "image/x.png", make_image(5))
    put(tmp_path, "image/x.txt", "Go.")
    (pair,), rejections = import_all(tmp_path, tmp_path / "run", format="folders")
    assert pair.source == make_image(0) and [each.image for each in pair.references] == [make_image(1), make_image(2)]
    assert rejections == []


def test_names_ending_in_a_number_are_kept_whole(tmp_path: Path) -> None:
    for name in ("shot_1", "shot_2"):
        put(tmp_path, f"control/{name}.png", make_image(0))
        put(tmp_path, f"target/{name}.png", make_image(1))
        put(tmp_path, f"target/{name}.txt", "Go.")
    pairs, rejections = import_all(tmp_path, tmp_path / "run", format="folders")
    assert [pair.pair_id for pair in pairs] == ["folders-shot_1", "folders-shot_2"] and rejections == []


def test_the_folder_named_target_is_preferred_to_images(tmp_path: Path) -> None:
    for number, name in enumerate(("control", "target", "images")):
        put(tmp_path, f"{name}/x.png", make_image(number))
    put(tmp_path, "target/x.txt", "Go.")
    (pair,), _ = import_all(tmp_path, tmp_path / "run", format="folders")
    assert (pair.source, pair.edited) == (make_image(0), make_image(1))


def test_suffixes_start_and_end_form_pairs(tmp_path: Path) -> None:
    put(tmp_path, "x_start.png", make_image(0))
    put(tmp_path, "x_end.png", make_image(1))
    put(tmp_path, "x.txt", "Go.")
    (pair,), rejections = import_all(tmp_path, tmp_path / "run", format="folders")
    assert (pair.source, pair.edited, rejections) == (make_image(0), make_image(1), [])


def test_suffixes_in_one_folder_form_pairs(tmp_path: Path) -> None:
    put(tmp_path, "deep/er/x_input.png", make_image(0))
    put(tmp_path, "deep/er/x_target.png", make_image(1))
    put(tmp_path, "deep/er/x_mask.png", make_mask())
    put(tmp_path, "deep/er/x.txt", "Go.")
    put(tmp_path, "deep/er/y_source.png", make_image(2))
    (pair,), (rejection,) = import_all(tmp_path, tmp_path / "run", format="folders")
    assert (pair.source, pair.edited, pair.mask) == (make_image(0), make_image(1), make_mask())
    assert rejection.source_id == "deep/er/*_target/y" and rejection.reason == "no edited image of this name"


def test_incomplete_pairs_are_rejected_with_the_reason(tmp_path: Path) -> None:
    put(tmp_path, "source/a.png", make_image(0))
    put(tmp_path, "target/b.png", make_image(0))
    put(tmp_path, "source/c.png", make_image(0))
    put(tmp_path, "target/c.png", make_image(1))
    put(tmp_path, "source/d.png", b"broken")
    put(tmp_path, "target/d.png", make_image(1))
    put(tmp_path, "target/d.txt", "Go.")
    for shard in range(3):
        out = tmp_path / f"run/candidates/x/{shard}.h5"
        import_shard(str(tmp_path), ImportOptions(format="folders"), shard, 3, out)
    pairs, rejections = read_all(tmp_path / "run", "x")
    assert pairs == []
    assert {each.source_id: each.reason.partition(":")[0] for each in rejections} == {
        "target/a": "no edited image of this name",
        "target/b": "no source image of this name",
        "target/c": "no instruction; put c.txt next to the target",
        "target/d": "source",
    }


def test_link_out_of_the_folder_is_rejected(tmp_path: Path) -> None:
    put(tmp_path, "outside.png", make_image(0))
    put(tmp_path, "in/target/a.png", make_image(1))
    put(tmp_path, "in/target/a.txt", "Go.")
    (tmp_path / "in/source").mkdir()
    (tmp_path / "in/source/a.png").symlink_to(tmp_path / "outside.png")
    with pytest.raises(UserError, match="a link to a file outside the folder"):
        import_all(tmp_path / "in", tmp_path / "run", format="folders")


def test_folder_without_pairs_raises_error(tmp_path: Path) -> None:
    put(tmp_path, "photos/a.png")
    with pytest.raises(UserError, match=r"no folder target, edited, .* next to source, control or input"):
        list_folder_files(str(tmp_path))
    with pytest.raises(UserError, match="not a folder"):
        list_folder_files(str(tmp_path / "nope"))


def test_images_in_folders_below_source_and_target_form_pairs(tmp_path: Path) -> None:
    put(tmp_path, "source/day/x.png", make_image(0))
    put(tmp_path, "target/day/x.png", make_image(1))
    put(tmp_path, "target/day/x.TXT", "Go.")
    (pair,), rejections = import_all(tmp_path, tmp_path / "run", format="folders")
    assert (pair.source, pair.edited, pair.instructions) == (make_image(0), make_image(1), ("Go.",))
    assert rejections == []


def test_decomposed_names_of_macos_match_composed_ones(tmp_path: Path) -> None:
    put(tmp_path, "source/caf\u00e9.png", make_image(0))
    put(tmp_path, "target/cafe\u0301.png", make_image(1))
    put(tmp_path, "target/cafe\u0301.txt", "Go.")
    (pair,), rejections = import_all(tmp_path, tmp_path / "run", format="folders")
    assert pair.edited == make_image(1) and rejections == []


def test_images_of_unsupported_formats_are_rejected_with_the_reason(tmp_path: Path) -> None:
    for name, content in (("a.png", make_image(0)), ("b.gif", make_image(0, kind="GIF"))):
        put(tmp_path, f"source/{name}", content)
        put(tmp_path, f"target/{name}", content)
        put(tmp_path, f"target/{name[0]}.txt", "Go.")
    (_,), (rejection,) = import_all(tmp_path, tmp_path / "run", format="folders")
    assert rejection.source_id == "target/b" and "its content is GIF" in rejection.reason


def test_images_of_one_name_are_rejected_unless_one_is_readable(tmp_path: Path) -> None:
    for name in ("source/a.jpg", "source/a.png", "source/b.png", "source/b.heic"):
        put(tmp_path, name, make_image())
    for stem in "ab":
        put(tmp_path, f"target/{stem}.png", make_image(1))
        put(tmp_path, f"target/{stem}.txt", "Go.")
    for name in ("c_input.jpg", "c_input.png", "c_target.png", "d_input.png", "d_target.png"):
        put(tmp_path, f"flat/{name}", make_image())
        put(tmp_path, f"flat/{name[0]}.txt", "Go.")
    pairs, rejections = import_all(tmp_path, tmp_path / "run", format="folders")
    assert [pair.provenance["imported"]["id"] for pair in pairs] == ["b", "d"]
    assert {each.reason for each in rejections} == {
        "images of one name: source/a.jpg and source/a.png; keep one of them",
        "images of one name: c_input.jpg and c_input.png; keep one of them",
    }
