"""What a generator adds to what a network sees: images behind features, and images that excite a class.

A network is trained on the notebook's cells and looked into, by the presets and by pixels alone. Another,
trained from another seed on other pictures, says whether what comes out is more than the first's illusion.

python benchmarks/seeing.py [--pictures 4] [--iterations 400]
"""

import json
from pathlib import Path

import numpy as np
import torch
from reporting import heading, parser_of

import napari_dip as dip

DOCS = Path(__file__).parent.parent / "docs"
LAYERS = {"first block": "0", "second block": "1", "third block": "2"}
PIXELS = {"preset": "tv", "penalty": "none", "tv": 0.0}
PRIORS = {"generator": {}, "total variation": {"preset": "tv"}, "pixels alone": PIXELS}


def notebook(seed):
    """Return what the notebook's first cells make: pictures, and a network that has learned them."""
    names = {}
    for cell in json.loads((DOCS / "what-a-network-sees.ipynb").read_text("utf-8"))["cells"]:
        source = "".join(cell["source"])
        if "invert_features(" in source and cell["cell_type"] == "code":
            return names
        if cell["cell_type"] == "code":
            source = source.replace("default_rng(0)", f"default_rng({seed})")
            exec(source.replace("manual_seed(0)", f"manual_seed({seed})"), names)
    raise LookupError


def gives(one, model, image, layer=None):
    """Return what a layer of a network gives of an image."""
    seen = model if layer is None else model[: int(layer) + 1]
    with torch.no_grad():
        return seen(torch.tensor((image - one["MEAN"]) / one["STD"])[None, None])[0]


def off(a, b):
    return float((a - b).norm() / b.norm())


def grain(image):
    """Return the part of the power in waves shorter than 4 pixels."""
    power = np.abs(np.fft.fft2(image - image.mean())) ** 2
    short = np.hypot(*np.meshgrid(*map(np.fft.fftfreq, image.shape), indexing="ij")) > 0.25
    return power[short].sum() / power.sum()


def main():
    parser = parser_of(__doc__)
    parser.add_argument("--pictures", type=int, default=4)
    parser.add_argument("--iterations", type=int, default=400)
    asked = parser.parse_args()
    one, other = notebook(0), notebook(1)
    model, judge = one["model"], other["model"]
    common = {"normalise": (one["MEAN"], one["STD"]), "iterations": asked.iterations}

    print(heading("layer", "prior", "its features off by", "another network's", "PSNR to the image, dB"))
    for called, layer in LAYERS.items():
        for prior, settings in PRIORS.items():
            rows = []
            for image in one["new"][: asked.pictures]:
                seen = dip.invert_features(model, layer, image, **common, **settings)
                theirs = off(gives(one, judge, seen.image, layer), gives(one, judge, image, layer))
                rows.append((seen.feature_error, theirs, -10 * np.log10(np.mean((seen.image - image) ** 2))))
            mine, theirs, psnr = np.mean(rows, 0)
            print(f"| {called} | {prior} | {mine:.3f} | {theirs:.2f} | {psnr:.1f} |", flush=True)

    pictures = one["pictures"]
    most = torch.stack([gives(one, model, picture) for picture in pictures]).amax(0)
    print(f"\nwaves shorter than 4 pixels in the pictures: {np.mean([grain(p) for p in pictures]):.0%}\n")
    print(
        heading(
            "class", "prior", "score over the pictures' best", "another network takes it for", "short waves"
        )
    )
    for unit, kind in enumerate(one["KINDS"]):
        for prior, settings in PRIORS.items():
            seen = dip.maximise_activation(
                model, None, unit=unit, shape=pictures[0].shape, **common, **settings
            )
            said = one["KINDS"][int(gives(one, judge, seen.image).argmax())]
            over = seen.activation / float(most[unit])
            print(f"| {kind} | {prior} | {over:.1f} | {said} | {grain(seen.image):.0%} |", flush=True)


if __name__ == "__main__":
    main()
