"""Earlier place of `helpers.tiny_internvl`, which checks outside this repository import."""

from helpers.tiny_internvl import *  # noqa: F403
