"""Pre-train the base that all editors of the experiment share on the ablation's world, or take the one that ships.

    python -m benchmarks.apprentice.pretrain --setting small --assets results/ablation/assets.npz \\
        --out results/apprentice/small/base
"""

from pathlib import Path

from benchmarks.ablation.assets import Assets
from benchmarks.ablation.pretrain import pretrain
from benchmarks.apprentice.settings import SETTINGS
from benchmarks.arguments import step_parser
from omniedit.config.section import SHIPPED
from omniedit.models.loading import load_base
from omniedit.run.program import run_program
from omniedit.storage.atomic import replace_file


def main() -> None:
    args = step_parser(__doc__, SETTINGS, "--assets", "--out").parse_args()
    setting = SETTINGS[args.setting]
    if setting.from_shipped:
        with replace_file(args.out) as folder:
            load_base(Path(SHIPPED)).save(folder)
    else:
        pretrain(setting.world, Assets.load(args.assets), args.out)


if __name__ == "__main__":
    run_program(main)
