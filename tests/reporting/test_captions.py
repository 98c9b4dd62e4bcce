"""Tests for captions and the front page: valid reStructuredText for any run, with pages and without."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils.core import publish_parts
from jinja2 import Environment

CAPTIONS = sorted((Path(__file__).parents[2] / "workflow" / "report").glob("*.rst"))
pytestmark = pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")  # writer_name, as Snakemake passes it
SNAKEMAKE_LINKS = "\n\n.. _Statistics: javascript:app.showStatistics()\n"


class Category(str):
    @property
    def name(self) -> str:
        return str(self)


def html(caption: Path, pages: list) -> str:
    environment = Environment(trim_blocks=True, lstrip_blocks=True)
    values = {
        "snakemake": SimpleNamespace(
            config={"run": "a_b-c"}, wildcards=SimpleNamespace(run="a_b-c", task="object_swap")
        ),
        "categories": {Category("1 Edit pairs"): {Category("Other"): pages}} if pages else {},
        "files": pages,
    }
    text = environment.from_string(caption.read_text() + SNAKEMAKE_LINKS).render(values)
    strict = {"report_level": 2, "halt_level": 2}
    return publish_parts(text, writer_name="html", settings_overrides=strict)["html_body"]


@pytest.mark.parametrize("caption", CAPTIONS, ids=lambda path: path.stem)
def test_every_caption_renders(caption):
    assert "<p>" in html(caption, [])


def test_front_page_includes_the_key_figures_of_the_summary(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sheet = SimpleNamespace(path=Path("results/a_b-c/report/pairs.jpg"), mime="image/jpeg", labels={"pairs": "All"})
    sheet.path.parent.mkdir(parents=True)
    (sheet.path.parent / "summary.html").write_text("<dl>\n<dt>photos</dt>\n</dl>\n")
    front = html(next(path for path in CAPTIONS if path.stem == "workflow"), [sheet])
    assert "<dt>photos</dt>\n</dl>" in front


def test_front_page_links_to_every_page_and_shows_the_sheet():
    page = SimpleNamespace(path=Path("results/a_b-c/report/gallery.x.html"), mime="text/html", labels={"pairs": "X"})
    sheet = SimpleNamespace(path=Path("results/a_b-c/report/pairs.jpg"), mime="image/jpeg", labels={"pairs": "All"})
    front = html(next(path for path in CAPTIONS if path.stem == "workflow"), [page, sheet])
    assert "run a_b-c" in front
    assert "content:'html',contentPath:results['results/a_b-c/report/gallery.x.html'].data_uri" in front
    assert "content:'img',contentPath:results['results/a_b-c/report/pairs.jpg'].data_uri" in front
    assert "this.src = results['results/a_b-c/report/pairs.jpg'].data_uri" in front
