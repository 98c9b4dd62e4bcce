"""Settings of the experiment with subjects. The Snakefile imports this module, so it uses only the standard library."""

from dataclasses import dataclass, field, replace

from benchmarks.ablation.settings import SETTINGS as ABLATION
from benchmarks.ablation.settings import Fit, Setting

ARCHITECTURES = ("sequence_concat", "sequence_concat_demos", "sequence_concat_demos_cross")
"""Editors without demonstrations, with them in context, and with cross-attention to them."""
EDITNETS = ("editnet", "editnet_demos", "editnet_demos_cross")
"""The same over a frozen base."""


@dataclass(frozen=True)
class SubjectSetting:
    """Options of the experiment with subjects.

    Args:
        world: options of images, base, training and sampling, as in the ablation; `pairs_per_task` is not used.
        architectures: editors to train; the first one gets no demonstrations.
        subjects: number of training subjects.
        demonstrations: number of demonstrations of a pair; a training sample has 1 to all of them.
        shown: numbers of demonstrations that editors are tested with.
        test_subjects, requests: number of held-out subjects, and of requests for each.
        expert: fine-tuning of the editor without demonstrations on one subject's demonstrations.
        from_shipped: start from the EditNet that ships with the package and its base, instead of a base that is
            pre-trained here. `world` must then have the shape of that base.
    """

    world: Setting
    architectures: tuple[str, ...] = ARCHITECTURES
    subjects: int = 4096
    demonstrations: int = 3
    shown: tuple[int, ...] = (0, 1, 3)
    test_subjects: int = 16
    requests: int = 8
    expert: Fit = field(default_factory=lambda: Fit(60, 8, 1e-3, 60))
    from_shipped: bool = False

    @property
    def none(self) -> str:
        """Editor without demonstrations."""
        return self.architectures[0]


SETTINGS = {
    "small": SubjectSetting(
        replace(
            ABLATION["shipped"],
            editor=Fit(300, 16, 1e-3, 4800),
            size=64,
            evaluations=2,
            sampling_steps=(4,),
            sigma_mean=2.0,
            workers=0,
            crops_to_ratios=False,
        ),
        architectures=EDITNETS,
        test_subjects=12,
        expert=Fit(30, 6, 1e-3, 30),
        from_shipped=True,
    ),
    "cpu": SubjectSetting(replace(ABLATION["cpu"], patch_size=1, evaluations=3, sampling_steps=(8,))),
    "gpu": SubjectSetting(
        replace(ABLATION["gpu"], patch_size=1, evaluations=5), (*ARCHITECTURES, *EDITNETS), subjects=100_000
    ),
    "test": SubjectSetting(
        replace(ABLATION["test"], seeds=1, evaluations=1, sampling_steps=(1,)),
        subjects=4,
        test_subjects=2,
        requests=2,
        shown=(0, 3),
        expert=Fit(1, 2, 1e-3, 2),
    ),
}


def units(setting: str) -> list[str]:
    """Return the names of the trained units, architecture-seed."""
    chosen = SETTINGS[setting]
    return [f"{name}-{seed}" for seed in range(chosen.world.seeds) for name in chosen.architectures]
