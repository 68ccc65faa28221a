"""The parsers of the commands."""

from __future__ import annotations

import argparse
import difflib
from dataclasses import replace
from typing import NoReturn

from napari_dip.cli.options import Verb, add_options, as_typed
from napari_dip.cli.told import UsageError

__all__ = ["FORMATTER", "Parser", "add_told", "calibration_parser", "verb_parser"]

FORMATTER = argparse.RawDescriptionHelpFormatter
EXAMPLES = {
    "denoise": """\
examples:
  napari-dip denoise cell.tif
  napari-dip denoise slices/ -o restored/ --preset best
  napari-dip denoise stack.ome.zarr --neighbours 2""",
    "inpaint": """\
examples:
  napari-dip inpaint cell.tif --mask scratches.png
  napari-dip inpaint slices/ --mask masks/ -o filled/
  napari-dip inpaint 'slices/*.tif' --mask 'masks/{stem}-mask.png' -o 'filled/{stem}.png'""",
    "super-resolve": """\
examples:
  napari-dip super-resolve cell.tif --factor 2
  napari-dip super-resolve stack.ome.tif --factor 4,1,1 --psf 0.8,0.3,0.3""",
    "deblock": """\
examples:
  napari-dip deblock photo.jpg
  napari-dip deblock 'photos/*.jpg' -o 'restored/{stem}.png'""",
    "deconvolve": """\
examples:
  napari-dip deconvolve cell.tif --psf 2.5
  napari-dip deconvolve stack.ome.tif --psf bead.tif
  napari-dip deconvolve cell.ome.tif --psf '{"numerical_aperture": 1.4, "wavelength": 0.52}'""",
}

CALIBRATIONS = """\
examples:
  napari-dip calibrate first/ --repeats second/ --save 'our confocal'
  napari-dip calibrate 'field?_1.tif' --repeats 'field?_2.tif'
  napari-dip denoise next.tif --preset 'our confocal'"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        """Refuse what can't be understood."""
        message = message.removeprefix("argument ").rstrip(".")
        if message.endswith("expected one argument"):
            message += " (one that begins with a dash is said with =, as in --planes=-2:)"
        prefix = "unrecognized arguments: "
        if message.startswith(prefix):
            unknown = message.removeprefix(prefix).split()[0].partition("=")[0]
            near = difflib.get_close_matches(unknown, self._option_string_actions, 1)
            message = f"there is no option {unknown}" + (f". Is {near[0]} meant?" if near else "")
        raise UsageError(f"{message}{'' if message.endswith('?') else '.'} See {self.prog} --help")


def verb_parser(verb: Verb) -> Parser:
    """Return the parser of a verb's command."""
    mask = " [--mask MASK]" if "mask" in verb.keywords else ""
    needed = "".join(f" {keyword.option} {keyword.metavar}" for keyword in verb.needed)
    parser = Parser(
        f"napari-dip {verb.command}",
        usage=f"napari-dip {verb.command} IN [IN ...]{mask}{needed} [-o OUT] [options]",
        description=f"{verb.summary} Each image is restored by itself.",
        epilog=EXAMPLES[verb.command],
        formatter_class=FORMATTER,
        allow_abbrev=False,
    )
    _add_files(parser.add_argument_group("files"), verb)
    add_told(parser)
    add_options(parser.add_argument_group("restoration"), verb)
    return parser


def _add_files(files: argparse._ArgumentGroup, verb: Verb) -> None:
    """Add which images are meant, and what becomes of their results."""
    files.add_argument(
        "images",
        metavar="IN",
        nargs="+",
        help="Images: OME-Zarr, OME-TIFF, TIFF, PNG, JPEG; folders of them; patterns such as '*.tif'. "
        "What is the result or the mask of another one is left out. Of two names the second may be the "
        "result's.",
    )
    if "mask" in verb.keywords:
        text = as_typed(verb.keywords["mask"].text, verb.keywords)
        files.add_argument(
            "--mask",
            help=f"An image. {text} For several images: a folder of masks of the same names, or a name in "
            "which {stem} or * stands for the image's, without its ending.",
        )
    files.add_argument(
        "-o",
        "--out",
        help="Where the result goes: a file (.ome.tif, .ome.zarr, or .png for a plane), a folder, or a name "
        "in which {stem} stands for the image's, without its ending. By default beside the image, as "
        f"NAME.{verb.past}.ome.tif, or NAME.{verb.past}.ome.zarr of an OME-Zarr and of what has more than 4 "
        "GiB. Until all is done it lies in OUT.unfinished; the same command again goes on from there.",
    )
    existing = files.add_mutually_exclusive_group()
    existing.add_argument(
        "--overwrite", action="store_true", help="Replace results that exist, when the new ones are finished."
    )
    existing.add_argument("--skip-existing", action="store_true", help="Leave out what has a result already.")
    existing.add_argument(
        "--resume",
        action="store_true",
        help="Only go on with what was interrupted. Without it that is gone on with too, and what was not "
        "begun is begun.",
    )
    files.add_argument(
        "--settings",
        metavar="FILE",
        help="Settings as JSON, or the result of an earlier run, which is made as that was; other options "
        "change them.",
    )


def calibration_parser(denoise: Verb) -> Parser:
    """Return the parser of the command that finds settings for a microscope."""
    parser = Parser(
        "napari-dip calibrate",
        usage="napari-dip calibrate IN IN [IN ...] (--repeats | --truths) IN [IN ...] [options]",
        description="Find the settings that suit a microscope, on images of which a repeat or the truth is "
        "known.\nWhat they gain is measured on images that were left out.",
        epilog=CALIBRATIONS,
        formatter_class=FORMATTER,
        allow_abbrev=False,
    )
    files = parser.add_argument_group("files")
    files.add_argument(
        "images",
        metavar="IN",
        nargs="+",
        help="Planes, or volumes with --axes ZYX, from one microscope with one setting: at least two, better "
        "four. Files, folders, patterns.",
    )
    known = files.add_mutually_exclusive_group(required=True)
    for option, text in (
        ("--repeats", "Of each image another capture of the same field"),
        ("--truths", "Of each image what it should look like, as the mean of many captures"),
    ):
        known.add_argument(
            option,
            metavar="IN",
            nargs="+",
            help=f"{text}: a folder of files of the same names, a name in which {{stem}} stands for the "
            "image's, without its ending, or files in the images' order.",
        )
    files.add_argument("--save", metavar="NAME", help="Keep what is found as a preset of this name.")
    files.add_argument("--overwrite", action="store_true", help="Replace a preset of that name.")
    add_told(parser)
    chosen = {name: denoise.keywords[name] for name in ("preset", "axes", "device", "seed", "precision")}
    add_options(parser.add_argument_group("restoration"), replace(denoise, keywords=chosen))
    return parser


def add_told(parser: argparse.ArgumentParser) -> None:
    """Add what is common to all commands."""
    told = parser.add_argument_group("what is told")
    told.add_argument(
        "--json", action="store_true", help="A line of JSON for each file on stdout, and nothing else there."
    )
    told.add_argument("--quiet", action="store_true", help="Only what goes wrong.")
    told.add_argument("--debug", action="store_true", help="Of what goes wrong, where in the program.")
