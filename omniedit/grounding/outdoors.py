"""Evidence that a photo was taken outdoors: a confirmed sky, or foliage from side to side."""

import re
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from omniedit.grounding.places import looks_outdoors
from omniedit.imaging.color import image_to_lab
from omniedit.imaging.images import Image, Mask

Field = NDArray[Any]
"""float32 array of shape (h, w) or (h, w, 3)."""

WORKING_SIDE = 512
"""Longest side, in pixels, of the images in which regions are found."""

OUTDOOR_WORDS = re.compile(
    r"\b(beach|bridge|cliff|coast|field|footpath|forest|garden|grass|hill|lake|meadow|mountain|outdoors|outside|pasture"
    r"|path|river|road|sea|sky|street|stream|valley|village|woods)(?:e?s)?\b",
    re.IGNORECASE,
)
"""Words of a caption that name a place with weather."""
INDOOR_WORDS = re.compile(
    r"\b(indoors?|inside|interior|room|bedroom|bathroom|kitchen|office|studio|wall|ceiling|carpet|sofa|couch|bed|desk"
    r"|shelf|shelve|lamp|curtain|backdrop|background|painting|poster|print|aquarium|museum|gallery|lobby|showroom|rink"
    r"|window|cage|tank|terrarium|jar|vase|mug|cup|bowl|plate|dish|salad|soup|cake|screen|screenshot|phone|monitor|tv"
    r"|television|map|book|magazine|page|figurine|miniature|puzzle|mural|drawing|sketch|illustration|logo|tattoo"
    r"|rug|cushion|fabric|shirt|jacket|dress|guitar)(?:e?s)?\b"
    r"|\bpainted on\b|\b(?:on|in) (?:a|an|the) (?:table|shop|store|box|basket)\b"
    r"|\b(?:beach ball|garden cent(?:re|er)|sky[- ]blue|forest[- ]green|sea[- ](?:bass|shell|food)s?|field mouse"
    r"|grass snake|road bike|street food|toy (?:road|street|village|bridge|garden|river))\b",
    re.IGNORECASE,
)
"""Words of a caption that name a room, its contents or an image. If a caption has such a word, a beach may be a poster
on a wall. The last two lines are names that only sound like places."""

MIN_SPREAD = 0.34
"""Minimum standard deviation, in octaves, of the ratio of blue to red light over a sky; a painted wall has less."""
MIN_RELIEF = 0.8
"""Minimum standard deviation of a sky's lightness about a smooth gradient, on Lab's scale."""
MIN_EDGE, EDGE_REACH = 7.0, 8
"""Minimum Delta E between the colours above and below the lower end of a sky (a gradient has no such edge), and the
distance in pixels from that end at which they are compared."""
MIN_SLOPE, MIN_EDGE_SHARE = 2.0, 0.75
"""Minimum slope of an edge, in Lab units per pixel, and minimum share of a sky's outline that lies on an edge."""
EDGE_SIDE = 7
"""Side in pixels of the window in which an edge near the outline is searched."""
MAX_RIPPLE = 0.0055
"""Maximum median of the fine relief of a sky's lightness, in [0, 1]; ripples, reefs and grass have more."""
SEED_ROWS, MAX_UNBOUNDED = 0.75, 0.75
"""Share of the rows in which a sky may begin, and maximum share of its columns that reach the last of these rows. If
more columns reach it, the region has no lower end and is water or another surface."""
GROWTH_REACH = 16
"""Distance in pixels by which a region grows. It is also the sigma of the window in which its mean colour is
computed."""
MAX_SKY_DISTANCE = 15.0
"""Maximum distance in Lab from the mean colour nearby. Brighter pixels count as nearer, because they may be
cloud or haze."""
HORIZON_SHARE = 0.15
"""Minimum share of a row that is sky at the horizon."""
SEPARATE_REACH, MAX_SEPARATE_DISTANCE, MAX_SEPARATE = 48, 12.0, 0.004
"""Sigma in pixels of the window for the sky's mean colour, maximum distance from it in Lab, and maximum share of the
sky's area of a spot of that colour outside the sky."""
MIN_LAND_RELIEF, LAND_REACH, MAX_LAND = 0.02, 12, 0.006
"""Minimum relief of land, distance in pixels from a sky's border up to which land may be included in it, and maximum
share of the sky's area of a spot with such relief. Farther inside, only clouds have relief."""
STRIP, MAX_SMOOTH_BELOW = (5, 24), 0.15
"""Distances in pixels below a sky at which land is expected, and maximum share of the sky's columns in which nothing
there has relief."""


def caption_says_outdoors(caption: str) -> bool:
    """Return whether a caption names an outdoor place and nothing that belongs in a room."""
    return OUTDOOR_WORDS.search(caption) is not None and INDOOR_WORDS.search(caption) is None


def shows_outdoors(image: Image, sky: Mask) -> bool:
    """Return whether an RGB photo was surely taken outdoors: it has a sky of any size, or foliage from side to side."""
    return bool(sky.any()) or _is_grown_over(_to_small_lab(image))


def find_sky(image: Image) -> Mask:
    """Return the (h, w) mask of an RGB photo's sky at `WORKING_SIDE`; all False if no sky is confirmed.

    A smooth, blue or bright region at the top is a sky if its outline lies on edges and it either has the colours of a
    sky or has foliage from side to side below it. Plain walls, colour gradients, studio backdrops, blurred backgrounds
    and water do not count. A region that is darker than the rest of the photo may be a garment, so the classifier must
    also see an outdoor subject.
    """
    lab = _to_small_lab(image)
    region = _top_region(lab)
    confirmed = (
        _ends_in_an_edge(lab, region)
        and _is_bounded(lab, region)
        and not _is_rippled(lab, region)
        and (_is_over_foliage(lab, region) or (_has_colours_of_sky(lab, region) and not _is_gradient(lab, region)))
        and (lab[region][:, 0].mean() > lab[~region][:, 0].mean() or looks_outdoors(_to_small(image)))
    )
    return region if confirmed else np.zeros_like(region)


def sky_doubt(image: Image, sky: Mask) -> str:
    """Return the reason why an RGB photo's sky may lack a part, or contain land, or an empty string.

    Args:
        image: the photo.
        sky: its `find_sky`.
    """
    lab = _to_small_lab(image)
    if _separate_share(lab, sky) > MAX_SEPARATE:
        return "a branch, an arch or a roof separates a part of the sky from the rest"
    if _smooth_below(lab, sky) > MAX_SMOOTH_BELOW:
        return "the lower end of the sky is uncertain: what is below it is as smooth as a cloud"
    if _land_share(lab, sky) > MAX_LAND:
        return "a part of the sky has the relief of land, such as a mountain in haze or under snow"
    return ""


def _separate_share(lab: Field, sky: Mask) -> float:
    """Return the area of the largest spot in the sky's colours that is outside it and above the horizon, as a share of
    the sky's area. Water below the horizon mirrors these colours."""
    horizon = np.flatnonzero(sky.mean(axis=1) > HORIZON_SHARE)
    if not len(horizon):
        return 0.0
    weight = _blur(sky.astype(np.float32), SEPARATE_REACH)
    mean = _blur(lab * sky[..., None], SEPARATE_REACH) / np.maximum(weight, 1e-3)[..., None]
    alike = (np.linalg.norm(lab - mean, axis=2) < MAX_SEPARATE_DISTANCE) & (weight > 1e-3) & ~sky
    alike[horizon[-1] + 1 :] = False
    opened = cv2.morphologyEx(alike.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    return _largest_spot(opened) / float(sky.sum())


def _land_share(lab: Field, sky: Mask) -> float:
    """Return the area of the largest spot with the relief of land inside the sky near its border, as a share of the
    sky's area."""
    core, inner = (
        cv2.erode(sky.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8), borderValue=1) > 0
        for reach in (3, LAND_REACH)
    )
    return _largest_spot((_relief(lab) > MIN_LAND_RELIEF) & core & ~inner) / float(sky.sum())


def _largest_spot(mask: Mask) -> int:
    """Return the number of pixels of the largest connected part."""
    stats = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)[2]
    return int(stats[1:, cv2.CC_STAT_AREA].max(initial=0))


def _smooth_below(lab: Field, sky: Mask) -> float:
    """Return the share of the sky's columns below whose lower end the photo has no relief."""
    columns = np.flatnonzero(sky[0])
    last = len(sky) - 1 - np.argmax(sky[::-1, columns], axis=0)
    columns, last = columns[last + STRIP[1] < len(sky)], last[last + STRIP[1] < len(sky)]
    if not len(columns):
        return 0.0
    rows = last + np.arange(*STRIP)[:, None]
    return float((np.median(_relief(lab)[rows, columns], axis=0) < MAX_RIPPLE).mean())


def _to_small(image: Image) -> Image:
    scale = min(1.0, WORKING_SIDE / max(image.shape[:2]))
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)


def _to_small_lab(image: Image) -> Field:
    return image_to_lab(_to_small(image))


def _top_region(lab: Field) -> Mask:
    """Return (h, w) smooth, blue or bright pixels connected to the top border; all False if there are few."""
    seeds = _without_holes(_parts_touching_top(_is_smooth_blue_or_bright(lab)))
    if seeds[0].mean() < 0.5 or seeds.mean() < 0.06:
        return np.zeros_like(seeds)
    return _without_holes(_grow_similar(lab, seeds))


def _has_colours_of_sky(lab: Field, region: Mask) -> bool:
    """Return whether a region has the hue of a sky, and becomes redder with brightness or towards the horizon.

    Clouds, haze and low sun mix white or red light into the blue, so the ratio of blue to red varies by octaves. Light
    that falls off over a wall or studio paper changes all colours by the same factor.
    """
    smooth = _blur(lab, 3.0)
    light = np.power(np.clip(cv2.cvtColor(smooth, cv2.COLOR_LAB2RGB)[region], 0, 1), 2.2)
    blue = np.log2((light[:, 2] + 0.01) / (light[:, 0] + 0.01))
    bright = np.log2(light @ np.array([0.299, 0.587, 0.114], np.float32) + 0.01)
    rows = np.nonzero(region)[0] / len(region)
    redness, yellowness = smooth[region][:, 1:].mean(axis=0)
    downwards = _slope(rows, blue)
    by_brightness = _slope(bright, blue)
    fades = by_brightness < -0.25 and np.corrcoef(bright, blue)[0, 1] < -0.3 and downwards < 1.6
    sets = downwards < -1.0
    most_red = 22 if downwards < -2 else 9
    hue_of_sky = -9 < redness < most_red and yellowness < 5
    return bool(hue_of_sky and blue.std() > MIN_SPREAD and (fades or sets))


def _slope(x_N: Field, y_N: Field) -> float:
    """Return the least-squares slope of y over x."""
    x = x_N - x_N.mean()
    return float((x * (y_N - y_N.mean())).sum() / max(float((x * x).sum()), 1e-9))


def _is_gradient(lab: Field, region: Mask) -> bool:
    """Return whether a cubic polynomial of position fits a region's lightness: a gradient, or paper under a lamp."""
    core = cv2.erode(region.astype(np.uint8), np.ones((17, 17), np.uint8), borderValue=1) > 0
    rows, columns = (axis[::9] for axis in np.nonzero(core))
    if len(rows) < 100:
        return True
    y, x = rows / len(region) - 0.5, columns / region.shape[1] - 0.5
    terms = np.stack([x**i * y**j for i in range(4) for j in range(4 - i)], axis=1)
    lightness = _blur(lab, 2.0)[rows, columns, 0]
    return float((lightness - terms @ np.linalg.lstsq(terms, lightness, rcond=None)[0]).std()) < MIN_RELIEF


def _ends_in_an_edge(lab: Field, region: Mask) -> bool:
    """Return whether the colour changes abruptly where a region ends, in most columns."""
    columns = np.flatnonzero(region[0])
    if not len(columns):
        return False
    last = len(region) - 1 - np.argmax(region[::-1, columns], axis=0)
    inside = last < len(region) - EDGE_REACH - 1
    above, below = (
        lab[np.maximum(last - EDGE_REACH, 0), columns],
        lab[np.minimum(last + EDGE_REACH, len(region) - 1), columns],
    )
    return bool((inside & (np.linalg.norm(above - below, axis=1) > MIN_EDGE)).mean() > 0.5)


def _is_bounded(lab: Field, region: Mask) -> bool:
    """Return whether most of a region's outline lies on edges, and its lower end is not the lower end of the search."""
    inner = cv2.erode(region.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1) > 0
    outline = region & ~inner
    smooth = _blur(lab, 1.0)
    slopes = [cv2.Sobel(smooth, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in ((1, 0), (0, 1))]
    slope = np.linalg.norm(np.concatenate(slopes, axis=-1), axis=-1)
    steep = cv2.dilate(slope, np.ones((EDGE_SIDE, EDGE_SIDE), np.uint8))[outline] > MIN_SLOPE
    columns = region[:, region.any(axis=0)]
    reaches_end = columns[int(SEED_ROWS * len(region)) - 1 :].any(axis=0)
    return bool(steep.mean() > MIN_EDGE_SHARE and reaches_end.mean() < MAX_UNBOUNDED)


def _is_rippled(lab: Field, region: Mask) -> bool:
    """Return whether a region has fine relief everywhere, like water."""
    core = cv2.erode(region.astype(np.uint8), np.ones((9, 9), np.uint8), borderValue=1) > 0
    return bool(core.any()) and float(np.median(_relief(lab)[core])) > MAX_RIPPLE


def _relief(lab: Field) -> Field:
    """Return the (h, w) fine relief of the lightness, in [0, 1]."""
    grey = lab[..., 0] / 100
    return _blur(np.abs(grey - _blur(grey, 1.5)), 2.0)


def _is_over_foliage(lab: Field, region: Mask) -> bool:
    """Return whether leaves or grass fill a fifth of the area below a region, and occur in nearly all columns.

    For crisp leaves, three quarters of the columns are enough.
    """
    for least_relief, least_width in ((0.8, 0.9), (2.0, 0.75)):
        foliage = _foliage(lab, least_relief) & ~region
        if foliage.sum() > 0.2 * (~region).sum() and (foliage.mean(axis=0) > 0.05).mean() > least_width:
            return True
    return False


def _is_grown_over(lab: Field) -> bool:
    """Return whether foliage with deep shadows between its leaves fills the photo from side to side.

    This excludes a pot plant, which leaves columns free; a patterned wall, which has no shadows; and a circuit board,
    which is greener.
    """
    foliage = _foliage(lab, least_relief=2.0)
    if foliage.mean() < 0.24 or (foliage.mean(axis=0) > 0.05).mean() < 0.95:
        return False
    redness, yellowness = lab[foliage][:, 1:].mean(axis=0)
    hue = np.degrees(np.arctan2(yellowness, redness))
    return bool(np.quantile(lab[..., 0], 0.05) < 30 and hue < 138)


def _foliage(lab: Field, least_relief: float) -> Mask:
    """Return the (h, w) mask of green to yellow-green pixels with the fine relief of leaves or grass."""
    smooth = _blur(lab, 1.5)
    chroma = np.hypot(smooth[..., 1], smooth[..., 2])
    hue = np.degrees(np.arctan2(smooth[..., 2], smooth[..., 1]))
    relief = _blur(np.abs(lab[..., 0] - smooth[..., 0]), 4.0)
    return (hue > 95) & (hue < 150) & (chroma > 12) & (relief > least_relief)


def _is_smooth_blue_or_bright(lab: Field) -> Mask:
    texture = _relief(lab)
    blue = lab[..., 2] < -4
    bright = (lab[..., 0] > 74) & (lab[..., 2] < 22)
    smooth = texture < np.where(blue, 0.02, 0.012)
    glare = lab[..., 0] > 93
    above = np.linspace(0, 1, len(lab), dtype=np.float32)[:, None] < SEED_ROWS
    return (blue & (lab[..., 0] > 30) | bright) & (smooth | glare) & above


def _parts_touching_top(region: Mask) -> Mask:
    """Return the parts of a region that touch the photo's top border."""
    _, labels = cv2.connectedComponents(region.astype(np.uint8), connectivity=4)
    touching = np.setdiff1d(np.unique(labels[0]), [0])
    return np.isin(labels, touching)


def _grow_similar(lab: Field, region: Mask) -> Mask:
    """Extend a region by connected pixels within `GROWTH_REACH` that have the region's nearby colour or are deep
    blue.
    """
    weight = region.astype(np.float32)
    offset = (
        lab - _blur(lab * weight[..., None], GROWTH_REACH) / np.maximum(_blur(weight, GROWTH_REACH), 1e-3)[..., None]
    )
    offset[..., 0] = np.where(offset[..., 0] > 0, 0.3 * offset[..., 0], offset[..., 0])
    near = cv2.dilate(region.astype(np.uint8), np.ones((2 * GROWTH_REACH + 1, 2 * GROWTH_REACH + 1), np.uint8)) > 0
    blue = (lab[..., 2] < -20) & (lab[..., 0] > 45)
    similar = ((np.linalg.norm(offset, axis=2) < MAX_SKY_DISTANCE) | blue) & near
    return _parts_touching_top(region | similar)


def _without_holes(region: Mask) -> Mask:
    """Close a region's narrow cracks, then fill its small holes (edges of clouds, birds, a twig)."""
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (9, 9))
    padded = cv2.copyMakeBorder(region.astype(np.uint8), 9, 9, 9, 9, cv2.BORDER_REPLICATE)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, ellipse)[9:-9, 9:-9]
    _, labels, stats, _ = cv2.connectedComponentsWithStats(1 - closed, connectivity=4)
    large = np.flatnonzero(stats[:, cv2.CC_STAT_AREA] > 0.02 * labels.size)
    return (closed > 0) | ~np.isin(labels, np.union1d(large, labels[-1]))


def _blur(field: Field, sigma: float) -> Field:
    return cv2.GaussianBlur(field, (0, 0), sigma)
