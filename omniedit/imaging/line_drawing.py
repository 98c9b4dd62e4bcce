"""Line drawings of an image, as conditions of an edit: thin lines for a sketch, few thick ones for a scribble."""

import cv2
import numpy as np

from omniedit.imaging.images import Image, Mask, shrink

RED = (255, 0, 0)
"""Colour of a box around an object."""
LINE_SIDE = 512
"""Square root of the number of pixels of the copy on which lines are detected; finer lines are texture."""
MAX_LINE_DISTANCE = 2
"""Distance in pixels up to which two lines are the same."""


def sketch_lines(image: Image) -> Mask:
    """Return the (h, w) Canny edges of a copy of about `LINE_SIDE` pixels squared; a smaller image keeps its size."""
    grey = cv2.cvtColor(shrink(image, LINE_SIDE), cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.Canny(cv2.GaussianBlur(grey, (3, 3), 0), 50, 150)) > 0


def scribble_lines(image: Image) -> Mask:
    """Return the (h, w) strong outlines of the same copy, five pixels wide."""
    grey = cv2.cvtColor(shrink(image, LINE_SIDE), cv2.COLOR_RGB2GRAY)
    edges = cv2.Canny(cv2.GaussianBlur(grey, (0, 0), 3), 30, 90)
    return cv2.dilate(np.asarray(edges), np.ones((5, 5), np.uint8)) > 0


def draw_lines(lines: Mask, dark: bool) -> Image:
    """Return an (h, w, 3) image of lines: black on white if `dark`, else white on black."""
    return np.repeat(np.where(lines != dark, 255, 0).astype(np.uint8)[..., None], 3, axis=2)


def agreement(lines: Mask, others: Mask) -> float:
    """Return the F-score of two drawings, with lines up to `MAX_LINE_DISTANCE` pixels apart; 1 if both are empty."""
    if not lines.any() and not others.any():
        return 1.0
    kernel = np.ones((2 * MAX_LINE_DISTANCE + 1, 2 * MAX_LINE_DISTANCE + 1), np.uint8)
    near, near_others = (cv2.dilate(each.astype(np.uint8), kernel) > 0 for each in (lines, others))
    precise = float((lines & near_others).sum() / max(1, lines.sum()))
    complete = float((others & near).sum() / max(1, others.sum()))
    return 2 * precise * complete / max(1e-6, precise + complete)


def scale_mask(mask: Mask, lines: Mask) -> Mask:
    """Return a mask at the size of a drawing."""
    return cv2.resize(mask.astype(np.uint8), lines.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
