"""Whether class pictures hold: `python -m benchmarks.survival [--network NAME] [--classes N] [--presets ...]`.

So many classes, drawn by a seed (all, where there are no more), are painted by each preset with its usual dials.
Printed are for how many both holds: the clean picture is that class with more than .9, and over 32 unseen views with
more than .5 on average; how many each; the means of both; and, of the classes that another network knows by the same
name, of how many it agrees. On the way, every tenth class says how far it is.
The networks are asked for what they were painted with, and `--other` is never painted with.
"""

import argparse
import random
import statistics
import time
from collections.abc import Sequence

from vizcore import last, open_probe
from vizcore.method import titled
from vizcore.synthesis import quality
from vizcore.synthesis.generator import METHODS as GENERATORS
from vizcore.synthesis.presets import METHODS

PRESETS = titled((*METHODS, *GENERATORS))
CLEAN, VIEWED = 0.9, 0.5


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line for each preset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="tiny-vgg")
    parser.add_argument("--other", default="tiny-vgg-robust")
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--presets", nargs="+", choices=PRESETS, default=["Lucid", "Simonyan"])
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    probe, other = open_probe(given.network), open_probe(given.other)
    classes = random.Random(given.seed).sample(range(len(probe.labels)), min(given.classes, len(probe.labels)))
    shared = {place for place in classes if probe.labels[place] in other.labels}
    print(f"{len(classes)} of {len(probe.labels)} classes of {given.network} by seed {given.seed}")
    for title in given.presets:
        began, found = time.perf_counter(), {}
        for place in classes:
            picture = last(PRESETS[title].frames(probe, place)).picture
            [found[place]] = quality(probe, place, picture[None], other=other)
            missed = [place for place in found if found[place].clean <= CLEAN or found[place].viewed <= VIEWED]
            if len(found) % 10 == 0:
                print(f"  {title}: {len(found) - len(missed)} of {len(found)} hold so far", flush=True)
        clean, viewed = ([getattr(one, name) for one in found.values()] for name in ("clean", "viewed"))
        agreed = sum(found[place].other.label == probe.labels[place] for place in shared)
        print(
            f"{title}: {len(classes) - len(missed)} of {len(classes)} hold; "
            f"clean over {CLEAN} for {sum(one > CLEAN for one in clean)}, "
            f"mean {statistics.mean(clean):.3f}; over unseen views above {VIEWED} for "
            f"{sum(one > VIEWED for one in viewed)}, mean {statistics.mean(viewed):.3f}; "
            f"{given.other} agrees on {agreed} of {len(shared)}; {time.perf_counter() - began:.0f} s",
            flush=True,
        )
        if missed:
            print(
                "  "
                + ", ".join(
                    f"{probe.labels[place]} {found[place].clean:.2f} {found[place].viewed:.2f}" for place in missed
                )
            )


if __name__ == "__main__":
    main()
