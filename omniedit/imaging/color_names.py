"""Names of colours and their places in CIE L*a*b*."""

COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (46, 64, 44),
    "orange": (64, 42, 64),
    "yellow": (82, 2, 76),
    "green": (50, -46, 36),
    "turquoise": (66, -36, -10),
    "blue": (43, 10, -54),
    "purple": (40, 42, -44),
    "pink": (66, 54, -8),
    "brown": (38, 17, 26),
    "white": (89, 0, 0),
    "grey": (58, 0, 0),
    "black": (17, 0, 0),
}
"""Lab values of the colour names: L in [0, 100], a, b."""

ALIASES = {"gray": "grey", "golden": "yellow", "violet": "purple", "teal": "turquoise"}
"""Other word for a colour -> its name in `COLOURS`."""
