"""The command line: the verbs over files."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version

from napari_dip.cli.options import Verb, read_verbs
from napari_dip.cli.parsers import FORMATTER, Parser, add_told, calibration_parser, verb_parser
from napari_dip.cli.told import DONE, FAILED, INTERRUPTED, WRONG, Speaker, UsageError, printable, sentence_of

__all__ = ["main"]

DESCRIPTION = """\
Restore images in files with a deep image prior: each from itself alone.

commands:
{verbs}
  calibrate       Find the settings that suit a microscope.
  info            What is in a file, and how it was made.
  presets         The presets of each verb.

napari-dip COMMAND --help says more of each."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says.

    Parameters
    ----------
    arguments
        What stands after the program's name; None for what it was called with.

    Returns
    -------
    int
        0 if all is done, 1 if some of it failed, 2 if the call can't be understood, 130 after Ctrl-C.
    """
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        return _main(arguments)
    except UsageError as error:
        print(printable(f"napari-dip: {sentence_of(error)}"), file=sys.stderr)
        return WRONG
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output wants no more of it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except SystemExit as end:  # after --help
        return int(end.code or 0)


def _main(arguments: Sequence[str]) -> int:
    verbs = read_verbs()
    commands: dict[str, Callable[[Sequence[str]], int]] = {
        "calibrate": _calibrate,
        "info": _info,
        "presets": _presets,
    }
    command = arguments[0] if arguments else "--help"
    if command in verbs:
        return _restore(verbs[command], arguments[1:])
    if command in commands:
        return commands[command](arguments[1:])
    known = [*verbs, *commands]
    if not command.startswith("-"):
        near = difflib.get_close_matches(command, known, 1)
        meant = f"Is {near[0]} meant?" if near else f"Choose one of: {', '.join(known)}."
        raise UsageError(f"there is no command {command!r}. {meant} See napari-dip --help")
    lines = "\n".join(f"  {verb.command:<16}{verb.summary}" for verb in verbs.values())
    parser = Parser(
        "napari-dip",
        usage="napari-dip COMMAND ...",
        description=DESCRIPTION.format(verbs=lines),
        formatter_class=FORMATTER,
    )
    parser.add_argument("--version", action="version", version=f"napari-dip {version('napari-dip')}")
    parser.parse_args(arguments or ["--help"])
    return DONE


def _restore(verb: Verb, arguments: Sequence[str]) -> int:
    options = vars(verb_parser(verb).parse_intermixed_args(arguments))
    settings = {
        name: options[name] for name in verb.keywords if name != "out" and options.get(name) is not None
    }
    mask = settings.pop("mask", None)
    if options["settings"] is not None:
        from napari_dip.cli.settings import settings_in

        settings = settings_in(options["settings"], verb, settings)
    for keyword in verb.needed:
        if keyword.name not in settings:
            raise UsageError(f"{keyword.option} is needed. See napari-dip {verb.command} --help")

    # What follows loads more than --help should wait for.
    from napari_dip.cli.files import assign, find, split
    from napari_dip.cli.restoring import restore

    speaker = Speaker(options["json"], options["quiet"], options["debug"])
    names, out = options["images"], options["out"]
    if out is None:
        names, out = split(names, verb.command)
        if out is not None and options["overwrite"]:
            raise UsageError(f"to overwrite {out}, say so with -o {out}")
    found = find(names)
    kind = {"factor": settings.get("factor"), "dtype": settings.get("dtype")}
    works = assign(found, verb.command, out=out, mask=mask, **kind)
    if found.left_out:
        count, first = len(found.left_out), found.left_out[0].name
        names = first if count == 1 else f"{first} and {count - 1} more"
        speaker.note(f"left out, since they are results or masks of the others: {names}")
    return restore(
        verb.name,
        works,
        found.failures,
        settings,
        speaker,
        overwrite=options["overwrite"],
        skip_existing=options["skip_existing"],
        resume=options["resume"],
        said={name for name, value in options.items() if value is not None},
    )


def _calibrate(arguments: Sequence[str]) -> int:
    denoise = read_verbs()["denoise"]
    options = vars(calibration_parser(denoise).parse_intermixed_args(arguments))
    speaker = Speaker(options.pop("json"), options.pop("quiet"), options.pop("debug"))
    images, repeats, truths = (options.pop(name) for name in ("images", "repeats", "truths"))
    options["name"] = options.pop("save")
    given = {name: value for name, value in options.items() if value is not None}

    from napari_dip.cli.calibrating import calibrate_files

    if repeats is not None:
        return calibrate_files(images, repeats, "repeats", speaker, **given)
    return calibrate_files(images, truths, "truths", speaker, **given)


def _info(arguments: Sequence[str]) -> int:
    parser = Parser(
        "napari-dip info",
        description="Axes, shape, type and pixel sizes of images, and how results were made.",
        allow_abbrev=False,
    )
    parser.add_argument("images", metavar="FILE", nargs="+", help="Images, folders of them, or patterns.")
    add_told(parser)
    options = parser.parse_intermixed_args(arguments)

    from napari_dip.cli.info import show_files

    return show_files(options.images, Speaker(options.json, options.quiet, options.debug))


def _presets(arguments: Sequence[str]) -> int:
    parser = Parser(
        "napari-dip presets", description="The presets of each verb, or of one.", allow_abbrev=False
    )
    parser.add_argument("verb", nargs="?", choices=list(read_verbs()), help="The verb; by default all.")
    add_told(parser)
    options = parser.parse_intermixed_args(arguments)

    from napari_dip.cli.info import show_presets

    return show_presets(options.verb, Speaker(options.json, options.quiet, options.debug))
