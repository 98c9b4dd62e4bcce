"""Tests of benchmark leaks: folders of images, copies on either side, mirrored copies."""

from pathlib import Path

import numpy as np
import pytest

from helpers.small_signatures import flip_low_bits, make_signatures, rekey
from omniedit.errors import UserError
from omniedit.imaging.images import encode_png
from omniedit.quality.benchmark_leaks import BenchmarkSet, Leak, find_leaks, read_benchmark
from omniedit.quality.hashes import hash_image, mirror


def test_copy_on_either_side_is_a_leak() -> None:
    pairs, bench = make_signatures(6), make_signatures(3, seed=1).source_hash
    pairs.source_hash[4], pairs.edited_hash[1] = bench[2], mirror(bench[:1])[0]
    flip_low_bits(pairs, 4, "source_hash", 6)
    found = find_leaks(rekey(pairs), [BenchmarkSet("set", ("a", "b", "c"), bench)])
    assert found == [Leak(1, "edited", "set", "a", True), Leak(4, "source", "set", "c", False)]


def test_pair_is_reported_once_per_side_for_the_first_set() -> None:
    pairs = make_signatures(2)
    sets = [BenchmarkSet(name, ("x",), pairs.source_hash[:1]) for name in ("one", "two")]
    assert find_leaks(pairs, sets) == [Leak(0, "source", "one", "x", False)]


def test_images_without_contrast_do_not_leak() -> None:
    pairs = make_signatures(2)
    pairs.plain[0] = True
    assert find_leaks(pairs, [BenchmarkSet("set", ("x",), pairs.source_hash[:1])]) == []


def test_image_folder_is_read_recursively(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/a.png").write_bytes(encode_png(image))
    (tmp_path / "white.PNG").write_bytes(encode_png(np.full((40, 50, 3), 255, np.uint8)))
    (tmp_path / "notes.txt").write_text("no image")
    found = read_benchmark(tmp_path)
    assert (found.name, found.images) == (tmp_path.name, ("deep/a.png",))
    assert found.hashes.tobytes() == hash_image(image)


def test_folder_without_images_raises_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no benchmark image"):
        read_benchmark(tmp_path)


def test_broken_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(UserError, match=r"broken\.jpg"):
        read_benchmark(tmp_path)
