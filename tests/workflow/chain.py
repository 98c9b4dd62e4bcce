"""Earlier place of `helpers.chain`, which checks outside this repository import."""

from helpers.chain import *  # noqa: F403
