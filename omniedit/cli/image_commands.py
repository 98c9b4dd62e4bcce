"""Commands that edit or score images: edit, demo, score."""

import argparse
from pathlib import Path

from omniedit.cli.arguments import (
    add_endpoint_arguments,
    at_least_one,
    endpoint_options,
    path,
    port,
    scale,
    whole,
    words,
)
from omniedit.cli.command import Subcommand


def _add_edit_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("inputs", nargs="+", type=path, metavar="IMAGE", help="image files, or folders of images")
    parser.add_argument("instruction", type=words, help='what to change, such as "make it snow"')
    parser.add_argument(
        "-o", "--out", type=path, help="output file or folder (default: photo.edited.jpg next to photo.jpg)"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace existing files")
    parser.add_argument("--negative", type=words, default="", metavar="TEXT", help="what the edit should avoid")
    parser.add_argument("--steps", type=at_least_one, help="number of sampling steps (default: the editor's own)")
    parser.add_argument(
        "--scheduler",
        choices=["euler", "heun", "lcm", "dpm", "unipc"],
        help="sampling scheduler, for example one that needs fewer steps (default: the editor's own)",
    )
    parser.add_argument("--guidance", type=scale, help="guidance scale of the instruction (default: the editor's own)")
    parser.add_argument(
        "--image-guidance", type=scale, help="guidance scale of the source image (default: the editor's own)"
    )
    parser.add_argument("--seed", type=seed, default=0, help="seed of the noise, 0 to 2^64 - 1 (default: %(default)s)")
    parser.add_argument(
        "--reference",
        type=path,
        action="append",
        default=[],
        metavar="IMAGE",
        help="reference image that the instruction points to; repeat the option for several",
    )
    parser.add_argument(
        "--reference-caption",
        action="append",
        default=[],
        type=words,
        metavar="TEXT",
        help="what the reference image shows, for an editor that takes captions; once per --reference, in their order",
    )
    parser.add_argument("--task", type=words, help="task of the edit (default: the editor decides)")
    _add_editor_arguments(parser)


def _edit(args: argparse.Namespace) -> None:
    from omniedit.cli.edit import Settings, edit_files

    scales = args.guidance, args.image_guidance
    sampling = args.instruction, args.negative, args.steps, *scales, args.seed
    settings = Settings(*sampling, args.task, args.scheduler, tuple(args.reference_caption))
    edit_files(args.inputs, args.out, args.overwrite, args.model, args.device, settings, args.reference)


def _add_demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; 0.0.0.0 for all (default: %(default)s)"
    )
    parser.add_argument("--port", type=port, default=7860, help="port on this machine (default: %(default)s)")
    _add_editor_arguments(parser)


def _demo(args: argparse.Namespace) -> None:
    from omniedit.cli.demo import launch

    launch(args.model, args.device, args.host, args.port)


def _add_score_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "table", type=path, metavar="TABLE.csv", help="one example per row; paths are relative to its folder"
    )
    parser.add_argument("-o", "--out", type=path, required=True, help="output table, .parquet or .csv")
    parser.add_argument(
        "--rubric",
        metavar="NAME|FILE.yaml",
        help="name of a rubric, or your own file; docs/rubrics.md lists all (default: edit, or the one of --prompts)",
    )
    parser.add_argument(
        "--prompts", type=path, metavar="FOLDER", help="checkout of a benchmark, whose official prompts are used"
    )
    parser.add_argument("--passes", type=at_least_one, metavar="N", help="ask each question N times and average")
    parser.add_argument(
        "--judge",
        choices=["api", "ensemble", "internvl", "student", "vlm"],
        default="api",
        help="(default: %(default)s)",
    )
    parser.add_argument(
        "--scorer",
        type=path,
        metavar="FOLDER",
        help="folder of a model or its models/ROLE.json, or folder of a student other than the shipped one",
    )
    add_endpoint_arguments(parser, "scoring")


def _score(args: argparse.Namespace) -> None:
    from omniedit.cli.score import score_table, scoring_config
    from omniedit.config.schema import SHIPPED
    from omniedit.scoring.prompts.reader import choose_rubric

    scoring = scoring_config(args.config, endpoint_options(args))
    scorer = args.scorer or (Path(SHIPPED) if args.judge == "student" else None)
    rubric = choose_rubric(args.rubric, args.prompts, args.passes)
    score_table(args.table, args.out, rubric, args.judge, scorer, scoring, args.yes)


def _add_editor_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=path, help="folder of the editor (default: the small shipped one)")
    parser.add_argument("--device", default="", help="cuda, cpu, ... (default: a GPU if there is one)")


def seed(text: str) -> int:
    from omniedit.cli.edit import MAX_SEED

    return whole(text, 0, MAX_SEED, "0 to 2^64 - 1")


IMAGE_COMMANDS = {
    "edit": Subcommand("edit images from an instruction", _add_edit_arguments, _edit),
    "demo": Subcommand("serve a web page that edits images", _add_demo_arguments, _demo),
    "score": Subcommand("score the images of a table by a rubric", _add_score_arguments, _score),
}
