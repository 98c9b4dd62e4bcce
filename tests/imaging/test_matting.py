import numpy as np

from omniedit.imaging.matting import alpha_matte, foreground_colours, guided_filter


def test_guided_filter_keeps_edges_of_the_guide_and_smooths_the_rest() -> None:
    rng = np.random.default_rng(0)
    step = np.zeros((60, 80), np.float32)
    step[:, 40:] = 1
    guide = np.repeat((step * 200).astype(np.uint8)[..., None], 3, axis=2)
    noisy = (step + rng.normal(0, 0.2, step.shape)).astype(np.float32)
    smooth = guided_filter(guide, noisy, radius=6, eps=1e-4)
    assert np.abs(smooth - step).mean() < 0.25 * np.abs(noisy - step).mean()
    assert smooth[:, 41].mean() - smooth[:, 38].mean() > 0.9


def test_matte_is_opaque_inside_zero_outside_and_follows_hair() -> None:
    image = np.full((120, 160, 3), 20, np.uint8)
    image[30:90, 40:100] = 220
    image[30:90:8, 100:112] = 220
    mask = np.zeros((120, 160), bool)
    mask[30:90, 40:100] = True
    alpha = alpha_matte(image, mask, radius=14)
    assert alpha[50:70, 58:80].min() == 1
    assert alpha[:, 130:].max() == 0
    hair, gap = alpha[34:86, 102:108][::4], alpha[34:86, 102:108]
    assert alpha[30:90:8, 102:108].mean() > gap.mean() + 0.1, hair


def test_foreground_colours_exclude_the_background() -> None:
    image = np.full((100, 100, 3), (0, 0, 255), np.uint8)
    mask = np.zeros((100, 100), bool)
    mask[25:75, 25:75] = True
    image[30:70, 30:70] = (200, 100, 0)
    colours = foreground_colours(image, mask, radius=6)
    assert np.abs(colours[mask].astype(int) - (200, 100, 0)).max() <= 2
