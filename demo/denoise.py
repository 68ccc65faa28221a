"""Denoise a sample image: in napari, or, where no window can open, with the engine alone.

Start it with ``tox run -e demo``, which sees to the screen (tools/screen.py). On a real screen napari
stays open. Without one, what a user would have seen is saved as napari-dip-demo.png.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np


def psnr(image, truth) -> float:
    """Peak signal-to-noise ratio in dB, against the truth's range."""
    error = np.mean((np.asarray(image, float) - truth) ** 2)
    return float(10 * np.log10(np.ptp(truth).astype(float) ** 2 / error))


def sample() -> tuple[np.ndarray, np.ndarray]:
    """Return a quarter of the fluorescence sample and its truth: nobody has to wait for long."""
    from napari_dip.images import synthetic

    noisy, truth = synthetic.fluorescence()
    return noisy[128:384, 128:384], truth[128:384, 128:384]


def report(restoration, noisy, truth) -> None:
    before, after = psnr(noisy, truth), psnr(restoration.image, truth)
    print(f"stopped by the {restoration.stopped_by} after {restoration.iterations} iterations")
    print(f"PSNR against the truth: {before:.2f} dB before, {after:.2f} dB after ({after - before:+.2f} dB)")


def in_napari(stay: bool, settings: dict, picture: Path) -> None:
    """Open the sample, press Denoise; then leave the window to the user, or save it as a picture."""
    import napari
    from napari.qt import get_qapp

    import napari_dip as dip

    viewer = napari.Viewer(title="Deep Image Prior")
    viewer.window.resize(1400, 900)
    image, truth = sample()
    noisy = viewer.add_image(image, name="Fluorescence")
    viewer.window.add_plugin_dock_widget("napari-dip", "Denoise")
    run = dip.viewer.denoise(viewer, noisy, **settings)
    if stay:
        print("napari is open; the denoised layer improves while the run goes on")
        napari.run()
        return

    restoration = run.wait()
    width = noisy.extent.world[1, 1] - noisy.extent.world[0, 1]
    for layer in viewer.layers:  # noisy on the left, denoised on the right
        if layer is not noisy:
            layer.translate = (0, 1.03 * width)
    get_qapp().processEvents()  # the window has its size only now
    viewer.reset_view()
    viewer.screenshot(picture, canvas_only=False, flash=False)
    report(restoration, image, truth)
    viewer.close()


def engine_alone(settings: dict, picture: Path) -> None:
    """Denoise the sample without napari and save noisy and denoised side by side."""
    from skimage.io import imsave

    import napari_dip as dip
    from napari_dip.images import synthetic

    noisy, truth = sample()
    restoration = dip.denoise(noisy, **settings)
    pair = np.hstack([noisy, restoration.image]).astype(float)
    grey = np.clip((pair - synthetic.OFFSET) / (truth.max() - synthetic.OFFSET), 0, 1)
    imsave(picture, (255 * grey).astype(np.uint8), check_contrast=False)
    report(restoration, noisy, truth)


def main() -> None:
    parser = argparse.ArgumentParser(description="Denoise a sample image, in napari if a window can open.")
    parser.add_argument("--iterations", type=int, help="at most this many (default: the preset's)")
    parser.add_argument("--output", type=Path, default="napari-dip-demo.png", help="default: %(default)s")
    arguments = parser.parse_args()
    settings = {} if arguments.iterations is None else {"iterations": arguments.iterations}
    picture = arguments.output.resolve()

    screen = os.environ.get("NAPARI_DIP_SCREEN", "real")
    if screen == "none":
        print("no window can open here: the engine runs alone")
        engine_alone(settings, picture)
    else:
        in_napari(screen == "real", settings, picture)
    if screen != "real":
        print(f"before and after: {picture}")


if __name__ == "__main__":
    main()
