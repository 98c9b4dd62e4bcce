"""ICC colour profiles for tests, built from their numbers."""

import struct

ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SRGB_PRIMARIES = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))


def _fixed_point(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed_point, values))


def make_profile(name: str, gamma: float, primaries: tuple[tuple[float, float, float], ...] = ()) -> bytes:
    """Build an ICC v2 profile: RGB with these primaries (XYZ, adapted to D50), or grey without primaries."""
    text = name.encode() + b"\0"
    description = b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + bytes(78)
    description += bytes(-len(description) % 4)
    curve = b"curv\0\0\0\0" + (struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0" if gamma != 1 else bytes(4))
    tags = [(b"desc", description), (b"cprt", b"text\0\0\0\0none\0\0\0\0"), (b"wtpt", _xyz((0.9642, 1, 0.8249)))]
    tags += [(key, _xyz(values)) for key, values in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=False)]
    tags += [(key, curve) for key in ((b"rTRC", b"gTRC", b"bTRC") if primaries else (b"kTRC",))]
    offset, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for key, data in tags:
        table += key + struct.pack(">II", offset + len(body), len(data))
        body += data
    head = bytearray(128)
    head[0:4] = struct.pack(">I", offset + len(body))
    head[8:24] = b"\x02\x40\0\0" + (b"mntrRGB XYZ " if primaries else b"mntrGRAYXYZ ")
    head[24:40] = struct.pack(">6H", 2024, 1, 1, 0, 0, 0) + b"acsp"
    head[68:80] = b"".join(map(_fixed_point, (0.9642, 1, 0.8249)))
    return bytes(head) + table + body


def srgb_profile() -> bytes:
    from PIL import ImageCms

    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


SRGB = srgb_profile()
LINEAR = make_profile("linear", 1, SRGB_PRIMARIES)
GREY = make_profile("grey", 1.8)
