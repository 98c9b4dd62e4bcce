"""Images and data of the page of editors side by side."""

import json
import re
from typing import Any

import numpy as np

from omniedit.imaging.images import Image


def colour(*rgb: int) -> Image:
    return np.full((40, 60, 3), rgb, np.uint8)


def read_data(page: str) -> dict[str, Any]:
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
