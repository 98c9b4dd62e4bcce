"""Export an editor for other programs: `omniedit export-editor`."""

import argparse
from pathlib import Path

from omniedit.cli.arguments import path
from omniedit.errors import UserError
from omniedit.storage.atomic import check_writable

FORMATS = ("comfyui", "lora")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=path, help="folder of the editor (default: the small shipped one)")
    parser.add_argument("-o", "--out", type=path, required=True, metavar="FILE.safetensors", help="new file to write")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        required=True,
        help="comfyui: the whole network; lora: adapters of a training with train.lora",
    )
    parser.add_argument(
        "--dtype", choices=["float32", "bfloat16", "float16"], default="bfloat16", help="number format of the weights"
    )


def run(args: argparse.Namespace) -> None:
    import torch

    from omniedit.models.export import export_comfyui, export_lora
    from omniedit.models.loading import load_editor

    out: Path = args.out
    if out.exists():
        raise UserError(f"{out}: already exists; give another name")
    if out.suffix != ".safetensors":
        raise UserError(f"{out}: the name must end in .safetensors")
    check_writable(out)
    dtype = getattr(torch, args.dtype)
    if args.format == "comfyui":
        export_comfyui(load_editor(args.model, "cpu").transformer, out, dtype)
    elif args.model is None:
        raise UserError(
            "--format lora: the shipped editor has no adapters; give --model an editor's folder with adapters"
        )
    else:
        export_lora(args.model, out, dtype)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB as {args.format}")
