"""What every layer still knows of photographs: `python -m benchmarks.inversion --data FOLDER [--network NAME]`.

FOLDER holds the folder `photos`. So many photographs of it, drawn by a seed, are searched for anew from each of the
layers, with the usual prior (`vizcore.synthesis.invert`). Printed are, for each layer, the mean relative error of the
code, the same for a picture of the photograph's mean colour, which knows nothing else, the mean relative error of the
pixels, and of how many the network says what it says of the photograph.
"""

import argparse
import random
import statistics
from pathlib import Path

from vizcore import last, load_image, open_probe
from vizcore.inspection.blocks import stage_ends
from vizcore.synthesis.inversion import invert, reconstruction


def main() -> None:
    """Print a line for each layer."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--network", default="tiny-vgg")
    parser.add_argument("--layers", nargs="*", help="by default every rectified convolution, or every stage's end")
    parser.add_argument("--pictures", type=int, default=50)
    parser.add_argument("--steps", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    probe = open_probe(given.network)
    rectified = [name for name in probe.layers if name.endswith(".relu")]
    layers = given.layers or (rectified if len(rectified) <= 12 else stage_ends(probe))
    files = sorted((given.data / "photos").glob("*.jpg"))
    files = random.Random(given.seed).sample(files, min(given.pictures, len(files)))
    images = [probe.prepare(load_image(file)) for file in files]
    answers = [probe.predict(image, k=1)[0].index for image in images]
    print(f"{given.network}, {len(files)} photographs, {given.steps} steps")
    print("layer                     code   mean colour's   pixels   same answer")
    for layer in layers:
        found = []
        for image in images:
            picture = last(invert(probe, image, layer, steps=given.steps)).picture
            found.append(reconstruction(probe, image, layer, picture))
        pixels = [((one.image - image).norm() / image.norm()).item() for one, image in zip(found, images, strict=True)]
        same = sum(one.answer.index == answer for one, answer in zip(found, answers, strict=True))
        code, mean = (statistics.mean(getattr(one, name) for one in found) for name in ("error", "mean_error"))
        told = f"{code:.3f}  {mean:14.3f}  {statistics.mean(pixels):7.3f}  {same:8} of {len(files)}"
        print(f"{layer:24}  {told}", flush=True)


if __name__ == "__main__":
    main()
