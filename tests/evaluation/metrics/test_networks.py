"""Tests of metrics with networks, against plain computations with tiny random networks of the same classes."""

from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch
from transformers import CLIPImageProcessorPil

from helpers.tiny_clip import make_clip, make_dino, make_tokenizer
from omniedit.evaluation.metrics import clip, dino, lpips, preprocess
from omniedit.evaluation.metrics.embeddings import EmbeddingCache, cosine
from omniedit.evaluation.metrics.metric import Sample
from omniedit.evaluation.metrics.networks import Networks, NotAvailable, find_checkpoint, find_package

SIDE = 32


def noise(seed: int, height: int = 40, width: int = 56) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


@pytest.fixture(scope="module")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> clip.Clip:
    return clip.Clip(make_clip(), make_tokenizer(tmp_path_factory.mktemp("tokenizer")))


def embed_plainly(image: np.ndarray) -> np.ndarray:
    """Return CLIP's embedding by the processor of transformers and the parts of the model."""
    model = make_clip()
    processor = CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    pixels = processor(PIL.Image.fromarray(image), return_tensors="pt")["pixel_values"]
    with torch.no_grad():
        pooled = model.vision_model(pixel_values=pixels).pooler_output
        return model.visual_projection(pooled)[0].numpy()


def cosine_plainly(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / np.sqrt((a @ a) * (b @ b)))


@pytest.mark.parametrize("size", [(40, 56), (64, 32), (32, 32), (50, 50)])
def test_clip_preprocessing_matches_transformers(size, tiny_clip):
    image = noise(0, *size)
    np.testing.assert_allclose(tiny_clip.images([image])[0], embed_plainly(image), rtol=1e-4, atol=1e-5)


def test_clip_similarities_are_cosines(tiny_clip):
    a, b = [noise(1), noise(2)], [noise(3), noise(2, 40, 56)]
    found = clip.image_similarity(a, b, tiny_clip)
    assert found[0] == pytest.approx(cosine_plainly(embed_plainly(a[0]), embed_plainly(b[0])), abs=1e-5)
    assert found[1] == pytest.approx(1)


def test_text_embedding_is_that_of_the_end_token(tiny_clip):
    model, text = make_clip(), "a dog"
    ids = torch.tensor([tiny_clip._tokenizer(text)["input_ids"]])
    assert ids[0, 0] == 512 and ids[0, -1] == 513
    with torch.no_grad():
        hidden = model.text_model(input_ids=ids).last_hidden_state[0, -1]
        expected = model.text_projection(hidden).numpy()
    np.testing.assert_allclose(tiny_clip.texts([text, "a much shorter"])[0], expected, rtol=1e-4, atol=1e-5)


def test_a_long_caption_is_cut_and_an_empty_batch_size_does_not_matter(tiny_clip):
    long = "word " * 50
    both = tiny_clip.texts([long, "a dog"])
    np.testing.assert_allclose(both[1], tiny_clip.texts(["a dog"])[0], atol=1e-5)
    np.testing.assert_allclose(both[0], tiny_clip.texts([long + "more"])[0], atol=1e-5)


def test_direction_similarity_compares_changes_of_unit_embeddings(tiny_clip):
    sample = Sample(noise(4), noise(5), source_caption="a cat", target_caption="a dog")
    unchanged = Sample(noise(5), noise(5), source_caption="a cat", target_caption="a dog")

    def unit(vector: np.ndarray) -> np.ndarray:
        return vector / np.linalg.norm(vector)

    texts = tiny_clip.texts(["a cat", "a dog"])
    image_change = unit(embed_plainly(sample.edited)) - unit(embed_plainly(sample.source))
    expected = cosine_plainly(image_change, unit(texts[1]) - unit(texts[0]))
    found = clip.direction_similarity([sample, unchanged], Networks(loaded={"clip": tiny_clip}))
    assert found[0] == pytest.approx(expected, abs=1e-4)
    assert found[1] == 0


def test_dino_compares_class_tokens():
    tiny, model = dino.Dino(make_dino()), make_dino()
    a, b = noise(6), noise(7, 60, 45)
    expected = []
    for image in (a, b):
        resized = PIL.Image.fromarray(image)
        width, height = resized.size
        side = round(SIDE * 256 / 224)
        shorter = min(width, height)
        resized = resized.resize((int(side * width / shorter), int(side * height / shorter)), PIL.Image.BICUBIC)
        left, top = (round((length - SIDE) / 2) for length in resized.size)
        pixels = np.asarray(resized.crop((left, top, left + SIDE, top + SIDE))) / 255
        pixels = (pixels - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
        with torch.no_grad():
            hidden = model(pixel_values=torch.from_numpy(pixels).float().permute(2, 0, 1)[None]).last_hidden_state
        expected.append(hidden[0, 0].numpy())
    assert dino.dino_similarity([a], [b], tiny)[0] == pytest.approx(cosine_plainly(*expected), abs=1e-5)
    assert dino.dino_similarity([a], [a], tiny)[0] == pytest.approx(1)


def test_the_shorter_side_is_resized_and_the_center_cropped():
    image = noise(8, 100, 333)
    assert preprocess.resize_shorter_side(image, 50).shape == (50, 166, 3)
    rows = np.broadcast_to(np.arange(7, dtype=np.uint8)[:, None, None], (7, 4, 3))
    assert preprocess.crop_center(rows, 4)[0, 0, 0] == 2, "torchvision rounds 1.5 to even"


def lpips_plainly(a: np.ndarray, b: np.ndarray, network: lpips.Lpips) -> float:
    """Compute LPIPS place by place, as the paper's equation 1 states it."""
    total, hidden = 0.0, []
    for image in (a, b):
        pixels = torch.from_numpy(image.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)[None]
        shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
        hidden.append((pixels - shift.view(1, 3, 1, 1)) / scale.view(1, 3, 1, 1))
    heads = iter(network.heads)
    with torch.no_grad():
        for place, layer in enumerate(network.features):
            hidden = [layer(x) for x in hidden]
            if place not in network.taps:
                continue
            weights = next(heads).weight.flatten()
            x, y = (h[0].numpy() for h in hidden)
            _, height, width = x.shape
            for row in range(height):
                for column in range(width):
                    p, q = x[:, row, column], y[:, row, column]
                    p, q = p / (np.linalg.norm(p) + 1e-10), q / (np.linalg.norm(q) + 1e-10)
                    total += float(weights.numpy() @ (p - q) ** 2) / (height * width)
    return total


@pytest.mark.parametrize("backbone", ["alex", "squeeze"])
def test_lpips_is_the_weighted_distance_of_normalised_features(backbone):
    torch.manual_seed(0)
    network = lpips.Lpips(backbone).eval()
    a, b = noise(9, 48, 64), noise(10, 48, 64)
    found = lpips.lpips_distances([a, a, a[:40]], [b, a, b[:40]], network)
    assert found[0] == pytest.approx(lpips_plainly(a, b, network), rel=1e-4, abs=1e-6)
    assert found[1] == 0
    assert found[2] == pytest.approx(lpips.lpips_distances([a[:40]], [b[:40]], network)[0], rel=1e-5)


def test_lpips_of_a_tiny_image_is_undefined():
    network = lpips.Lpips("alex").eval()
    assert np.isnan(lpips.lpips_distances([noise(0, 31, 64)], [noise(1, 31, 64)], network))[0]


def test_an_embedding_is_computed_once():
    calls: list[int] = []

    def embed(images):
        calls.append(len(images))
        return np.array([[float(image.sum())] for image in images], np.float32)

    cache = EmbeddingCache(embed, capacity=2)
    first = cache([noise(0), noise(1), noise(0)])
    assert calls == [2]
    assert first[0] == first[2] != first[1]
    cache([noise(1)])
    assert calls == [2]
    cache([noise(2)])
    cache([noise(0)])
    assert calls == [2, 1, 1], "a full memory forgets the image that was not used for longest"


def test_the_cosine_of_a_zero_vector_is_zero():
    assert cosine(np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32))[0] == 0


def test_a_network_without_weights_states_the_reason(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(NotAvailable, match=r"alexnet-owt-7be5be79.pth: no such file; .*load_state_dict_from_url"):
        find_checkpoint(lpips.BACKBONES["alex"].url)
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints/alexnet-owt-7be5be79.pth").write_bytes(b"other")
    with pytest.raises(NotAvailable, match="does not match its name"):
        find_checkpoint(lpips.BACKBONES["alex"].url)
    with pytest.raises(NotAvailable, match=r"pip install 'omniedit\[metrics\]'"):
        find_package("no_such_package_at_all")


def test_roles_of_metrics_load_offline(monkeypatch, tmp_path: Path):
    make_clip().save_pretrained(tmp_path)
    make_tokenizer(tmp_path)
    monkeypatch.setattr("omniedit.models.registry.model_folder", lambda role: tmp_path)
    network = Networks("cpu")["clip"]
    np.testing.assert_allclose(network.images([noise(0)])[0], embed_plainly(noise(0)), rtol=1e-4, atol=1e-5)
    assert network.weights == "openai/clip-vit-base-patch32 c237dc49a33fc61debc9276459120b7eac67e7ef"
    make_dino().save_pretrained(tmp_path)
    assert Networks("cpu")["dino"].images([noise(0)]).shape == (1, 16)


def test_a_role_without_fetched_weights_is_not_available(monkeypatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotAvailable, match="was not fetched"):
        Networks("cpu")["clip_large"]


@pytest.fixture
def packages(monkeypatch, tmp_path: Path) -> Path:
    """Return a folder for stand-ins of packages, with an empty torch.hub folder next to it."""
    folder = tmp_path / "packages"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return folder


def write_package(folder: Path, name: str, **modules: str) -> Path:
    (folder / name).mkdir()
    for module, text in ({"__init__": ""} | modules).items():
        (folder / name / f"{module}.py").write_text(text)
    return folder / name


def test_lpips_loads_the_linear_layers_of_its_package_and_torchvisions_weights(monkeypatch, packages: Path):
    torch.manual_seed(3)
    made = lpips.Lpips("squeeze").eval()
    weights = write_package(packages, "lpips") / "weights/v0.1"
    weights.mkdir(parents=True)
    torch.save({f"lin{n}.model.1.weight": head.weight for n, head in enumerate(made.heads)}, weights / "squeeze.pth")
    backbone = {f"features.{name}": value for name, value in made.features.state_dict().items()}
    torch.save(backbone | {"classifier.1.weight": torch.zeros(3)}, packages / "squeezenet1_1-b8a52dc0.pth")
    monkeypatch.setattr(lpips, "find_checkpoint", lambda url: packages / url.rpartition("/")[2])
    loaded = Networks("cpu")["lpips_squeeze"]
    a, b = [noise(1)], [noise(2)]
    assert lpips.lpips_distances(a, b, loaded) == lpips.lpips_distances(a, b, made)
    assert loaded.weights == "lpips 0.1 squeeze, squeezenet1_1-b8a52dc0.pth"


DREAMSIM = """
def dreamsim(pretrained, device, cache_dir):
    assert pretrained and device == "cpu" and cache_dir.endswith("hub/dreamsim")
    return (lambda a, b: (a - b).abs().mean()), None
"""


def test_dreamsim_gets_images_of_its_input_size_and_is_not_downloaded(packages: Path, tmp_path: Path):
    write_package(packages, "dreamsim", __init__=DREAMSIM)
    with pytest.raises(NotAvailable, match=r"hub/dreamsim: lacks dino_vitb16_pretrain.pth; on a machine with internet"):
        Networks("cpu")["dreamsim"]
    for name in ("dino_vitb16_pretrain.pth", "open_clip_vitb16_pretrain.pth.tar", "clip_vitb16_pretrain.pth.tar"):
        (tmp_path / "hub/dreamsim").mkdir(parents=True, exist_ok=True)
        (tmp_path / "hub/dreamsim" / name).touch()
    (tmp_path / "hub/dreamsim/ensemble_lora").mkdir()
    black, white = np.zeros((40, 56, 3), np.uint8), np.full((224, 224, 3), 255, np.uint8)
    assert Networks("cpu")["dreamsim"].distances([black, white], [white, white]) == [1, 0]


INCEPTION = """
import torch

class FeatureExtractorInceptionV3(torch.nn.Module):
    def __init__(self, name, features_list, feature_extractor_weights_path):
        super().__init__()
        assert features_list == ["2048"] and feature_extractor_weights_path.endswith("6726825d.pth")

    def forward(self, pixels):
        assert pixels.dtype == torch.uint8
        return (pixels.float().mean(dim=(2, 3)),)
"""


def test_inception_gets_bytes_at_the_images_own_size(monkeypatch, packages: Path):
    from omniedit.evaluation.metrics import inception

    write_package(packages, "torch_fidelity", feature_extractor_inceptionv3=INCEPTION)
    monkeypatch.setattr(inception, "find_checkpoint", lambda url: Path(url.rpartition("/")[2]))
    found = Networks("cpu")["inception"].embed([noise(1), noise(2, 20, 30)])
    np.testing.assert_allclose(found[1], noise(2, 20, 30).mean(axis=(0, 1)), rtol=1e-6)
