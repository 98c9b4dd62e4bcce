"""Tests of clusters: rows of an address become a subject, or are rejected with the reason."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omniedit.config.subjects import ExpertConfig, SubjectsConfig
from omniedit.errors import UserError
from omniedit.exchange.cells import BadRow
from omniedit.subjects.captions import NamesFromTexts, common_name, split_words
from omniedit.subjects.clusters import (
    MAX_ROWS,
    PageGroup,
    WebRow,
    find_subjects,
    group_name,
    join_rights,
    read_groups,
)
from omniedit.subjects.subject import RejectedCluster, Subject


def encode(seed: int, level: int) -> bytes:
    """Return a PNG whose mean is `level`, by which the test's features tell subjects apart."""
    pixels = np.random.default_rng(seed).integers(level - 9, level + 10, (24, 24, 3)).astype(np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def embed(images: Any) -> np.ndarray:
    """Return features (N, 3): the direction of the mean level, and a little of the first pixel."""
    levels = np.array([image.mean() / 255 * np.pi / 2 for image in images])
    small = np.array([image[0, 0, 0] / 2000 for image in images])
    return np.stack([np.cos(levels), np.sin(levels), small], axis=1).astype(np.float32)


ROWS = [
    *((encode(seed, 60), f"Leather boot, side {seed}", "https://www.shop.example/boot?ref=1") for seed in range(4)),
    (encode(0, 60), "Leather boot again", "https://shop.example/boot"),
    (encode(7, 220), "Leather boot box", "https://shop.example/boot#box"),
    *((encode(seed, level), "a thing", "shop.example/mixed") for seed, level in ((1, 20), (2, 130), (3, 240))),
    *((encode(seed, 90), "mug", "shop.example/few") for seed in (1, 2)),
    (b"no image", "mug", "shop.example/few"),
    *((encode(seed, 90), text, "shop.example/nameless") for seed, text in enumerate(("red", "tall", "old"), 20)),
    (encode(9, 90), "mug", "   "),
]


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> SubjectsConfig:
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    columns = {name: [row[place] for row in ROWS] for place, name in enumerate(("image", "text", "url"))}
    pq.write_table(pa.table(columns), path)
    expert = ExpertConfig(kind="lora", base="shipped")
    similar = {"min_similarity": 0.95, "max_similarity": 0.99999999}
    return SubjectsConfig(source="rows", path=str(path), expert=expert, **similar)


def cluster(options: SubjectsConfig, shard: int = 0, shards: int = 1) -> list[Subject | RejectedCluster]:
    groups, _ = read_groups(options, shard, shards)
    return list(find_subjects(groups, options, embed, NamesFromTexts()))


def test_rows_of_one_address_become_a_subject_without_copies_and_outliers(options: SubjectsConfig) -> None:
    (subject,) = (each for each in cluster(options) if isinstance(each, Subject))
    assert subject.name == "leather boot" and subject.about["group"] == "shop.example/boot"
    assert [each.caption for each in subject.demonstrations] == [f"Leather boot, side {seed}" for seed in range(4)]
    assert [each.image for each in subject.demonstrations] == [encode(seed, 60) for seed in range(4)]
    assert subject.about["rows"] == 6 and subject.about["similarity"] > 0.99


def test_other_clusters_are_rejected_with_the_reason(options: SubjectsConfig) -> None:
    rejected = {each.about["group"]: each for each in cluster(options) if isinstance(each, RejectedCluster)}
    reasons = {group.rpartition("/")[2]: each.reason for group, each in rejected.items()}
    assert reasons == {
        "mixed": "its images differ: fewer than 3 have a similarity of 0.95",
        "few": "2 different images, fewer than 3",
        "nameless": "its texts share no word that names the subject",
    }
    assert rejected["shop.example/few"].about["unreadable"] == 1


def test_a_row_without_an_address_is_recorded_with_its_reason(options: SubjectsConfig) -> None:
    _, rejected = read_groups(options, 0, 1)
    assert [(row.source_id, row.reason) for row in rejected] == [("rows.parquet:15", "url '': not an address")]


def test_each_group_belongs_to_one_shard(options: SubjectsConfig) -> None:
    names = [set(read_groups(options, shard, 3)[0]) for shard in range(3)]
    assert set().union(*names) == set(read_groups(options, 0, 1)[0]) and sum(map(len, names)) == 4


def cluster_levels(levels: list[float], *groups: str, **options: Any) -> list[Subject | RejectedCluster]:
    """Return the subjects of groups that each have an image of every level; the features are angles of levels."""

    def embed_levels(images: Any) -> np.ndarray:
        angles = np.array([image.mean() for image in images]) / 255 * np.pi / 2
        return np.stack([np.cos(angles), np.sin(angles)], axis=1)

    rows = []
    for number, level in enumerate(levels):
        file = io.BytesIO()
        PIL.Image.new("RGB", (4, 4), (int(level),) * 3).save(file, "PNG")
        rows.append(WebRow(file.getvalue(), f"mug {number}", {"licence": "", "author": ""}, f"row {number}"))
    files = {name: PageGroup(list(rows), len(rows)) for name in groups or ("a",)}
    expert = ExpertConfig(kind="lora", base="shipped")
    chosen = SubjectsConfig(source="rows", path="rows.parquet", expert=expert, **options)
    return list(find_subjects(files, chosen, embed_levels, NamesFromTexts()))


def captions(subject: Subject | RejectedCluster) -> list[str]:
    assert isinstance(subject, Subject)
    return [each.caption for each in subject.demonstrations]


def test_the_first_of_images_as_similar_as_max_similarity_is_used() -> None:
    """Two levels are 3 apart, 1.06 degrees: a cosine of 0.9998. The others differ by 10 degrees and more."""
    (subject,) = cluster_levels([100, 103, 130, 160], min_similarity=0.5, max_similarity=0.999)
    assert captions(subject) == ["mug 0", "mug 2", "mug 3"]
    (subject,) = cluster_levels([100, 103, 130, 160], min_similarity=0.5, max_similarity=1)
    assert captions(subject) == ["mug 0", "mug 1", "mug 2", "mug 3"]


def test_every_image_of_a_subject_has_the_minimum_mean_similarity() -> None:
    """The last image has a mean cosine of 0.66 to the others, which have 0.78 and more."""
    (subject,) = cluster_levels([60, 100, 140, 235], min_similarity=0.7)
    assert captions(subject) == ["mug 0", "mug 1", "mug 2"]


def test_the_images_most_alike_are_used_if_there_are_more_than_max_demonstrations() -> None:
    (subject,) = cluster_levels([60, 100, 110, 120, 160], min_similarity=0.5, max_similarity=1, max_demonstrations=3)
    assert captions(subject) == ["mug 1", "mug 2", "mug 3"]


def test_a_shard_has_at_most_per_shard_subjects() -> None:
    first, second = cluster_levels([60, 100, 140], "a", "b", per_shard=1)
    assert isinstance(first, Subject) and isinstance(second, RejectedCluster)
    assert second.reason == "the shard already has 1 subjects (subjects.per_shard)"


def test_the_first_rows_of_a_large_group_are_compared(tmp_path: Path) -> None:
    rows = MAX_ROWS + 2
    columns = {"image": [b"a file"] * rows, "text": ["mug"] * rows, "url": ["shop.example/a"] * rows}
    pq.write_table(pa.table(columns), tmp_path / "rows.parquet")
    expert = ExpertConfig(kind="lora", base="shipped")
    options = SubjectsConfig(source="rows", path=str(tmp_path / "rows.parquet"), expert=expert)
    (group,) = read_groups(options, 0, 1)[0].values()
    assert (len(group.files), group.rows) == (MAX_ROWS, rows)


def test_a_partitioned_shard_reads_its_own_files_and_records_their_bad_rows(tmp_path: Path) -> None:
    for number in range(2):
        urls = [*(f"shop.example/{number}{page}" for page in range(8)), "n/a"]
        columns = {"image": [b"a file"] * 9, "text": ["mug"] * 9, "url": urls}
        pq.write_table(pa.table(columns), tmp_path / f"{number}.parquet")
    expert = ExpertConfig(kind="lora", base="shipped")
    options = SubjectsConfig(source="rows", path=str(tmp_path), expert=expert, is_partitioned=True)
    for number in range(2):
        groups, rejected = read_groups(options, number, 2)
        assert list(groups) == [f"shop.example/{number}{page}" for page in range(8)]
        assert [row.source_id for row in rejected] == [f"{number}.parquet:8"]
    with pytest.raises(UserError, match=r"subjects\.is_partitioned: 2 files for 3 shards"):
        read_groups(options, 0, 3)


def test_a_bad_row_of_files_that_all_shards_read_is_recorded_once(options: SubjectsConfig) -> None:
    assert [len(read_groups(options, shard, 3)[1]) for shard in range(3)] == [1, 0, 0]


@pytest.mark.parametrize("column", ["url_column", "image_column", "text_column"])
def test_a_missing_column_is_named(options: SubjectsConfig, column: str) -> None:
    with pytest.raises(UserError, match=r"rows\.parquet: has no column other"):
        read_groups(options.model_copy(update={column: "other"}), 0, 1)


def test_a_model_that_writes_captions_needs_no_column_of_texts(options: SubjectsConfig) -> None:
    groups, _ = read_groups(options.model_copy(update={"text_column": "other", "captions": "model"}), 0, 1)
    assert {row.text for group in groups.values() for row in group.files} == {""}


@pytest.mark.parametrize(
    ("url", "page", "site"),
    [
        ("https://www.shop.example/a/b/?id=3#top", "shop.example/a/b", "shop.example"),
        ("shop.example/a", "shop.example/a", "shop.example"),
        ("//cdn.example", "cdn.example", "cdn.example"),
        ("shop.example./a//b?to=https://x.example", "shop.example/a//b", "shop.example"),
        ("http://me:secret@Shop.example:80/caf%C3%A9", "shop.example/caf\u00e9", "shop.example"),
        ("http://localhost/\ud800", "localhost", "localhost"),
        ("192.168.0.1/a", "192.168.0.1/a", "192.168.0.1"),
    ],
)
def test_a_group_is_a_page_or_a_site(url: str, page: str, site: str) -> None:
    assert (group_name(url, "url"), group_name(url, "site")) == (page, site)


@pytest.mark.parametrize(
    "url",
    ["", "http://[1", "https://", "http://...", "n/a", "undefined", "javascript:void(0)", "a red mug", "a mug. Red"]
    + ["3.14", "me@shop.example", "mailto:me@shop.example", "C:\\photos\\a.jpg", "http://shop.example\\a"],
)
def test_an_invalid_address_is_a_bad_row(url: str) -> None:
    with pytest.raises(BadRow, match="url "):
        group_name(url, "url")


def test_the_longest_common_run_of_words_names_a_subject() -> None:
    assert common_name(["Buy red duck toy now", "duck toy for sale", "Yellow DUCK TOY", "a bath"]) == "duck toy"
    assert common_name(["a photo of the new", "image of a photo"]) == ""
    assert common_name(["red mug", "blue vase"]) == "", "half of the texts are not most of them"
    assert common_name(["red mug", "red mug", "mug"]) == "red mug", "the longest, not the most frequent"
    assert common_name(["Gr\u00fcne Ente 1", "gr\u00fcne Ente 22"]) == "gr\u00fcne ente"


def test_a_word_keeps_the_marks_of_its_script() -> None:
    """Hindi's vowel signs are no letters of `re`, which would cut this word (leather) after its third character."""
    leather = "\u091a\u092e\u0921\u093c\u0947"
    assert split_words(f"{leather} 1 don't -a- x_y") == [leather, "don't"]


def test_the_rights_of_all_images_of_a_subject_are_recorded() -> None:
    assert join_rights(["CC0", "CC0"]) == "CC0" and join_rights(["", ""]) == ""
    assert join_rights(["CC0", "", "CC-BY-NC", "CC0"]) == "CC-BY-NC; CC0; not stated"
