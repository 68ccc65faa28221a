"""The command line, as a facility's engineer uses it: over files, folders and patterns."""

import inspect
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage.io import imread, imsave

import napari_dip as dip
from napari_dip import api, planning, presets
from napari_dip.cli import main, restoring
from napari_dip.cli.files import assign, find
from napari_dip.cli.options import read_verbs
from napari_dip.engine.presets import PRESETS
from napari_dip.images.files import Description, read, write
from napari_dip.images.jpeg import quantisation_of
from napari_dip.presets import KINDS

SETTINGS = {
    "iterations": 3,
    "device": "cpu",
    "precision": "float32",
    "correction": "none",
    "network": {"name": "subpixel", "channels": [8]},
    "finish": 0,
}
QUICK = [part for name, value in SETTINGS.items() for part in (f"--{name}", str(value).replace("'", '"'))]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Three images in a folder, a stack, a mask."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "slices").mkdir()
    for seed, name in enumerate(("a.png", "b.tif", "c.jpg")):
        image = np.random.default_rng(seed).poisson(np.linspace(20, 200, 24 * 24).reshape(24, 24))
        imsave(folder / "slices" / name, image.astype("uint8"), check_contrast=False)
    mask = np.zeros((24, 24), "uint8")
    mask[10:12, 3:20] = 255
    imsave(folder / "mask.png", mask, check_contrast=False)
    stack = np.random.default_rng(9).poisson(50, (3, 24, 24)).astype("uint16")
    said = Description("TYX", (2.0, 0.1, 0.1), (0.0,) * 3, ("second", "micrometer", "micrometer"))
    write(folder / "stack.ome.zarr", stack, said)
    return folder


@pytest.fixture(autouse=True)
def here(data, tmp_path, monkeypatch):
    """All happens in a copy of it."""
    shutil.copytree(data, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def there(folder):
    return sorted(os.listdir(folder))


def pixels(path):
    return read(path)[0].compute()


def run(*words):
    """Run a command, a string as in a shell or words."""
    return main([part for word in words for part in (shlex.split(word) if isinstance(word, str) else word)])


# ---------------------------------------------------------------------------------------------- the options


@pytest.mark.parametrize("name", ["denoise", "inpaint", "super_resolve", "deconvolve", "deblock"])
def test_the_options_are_the_keywords_of_the_verb(name):
    own = inspect.signature(getattr(api, name)).parameters
    common = {} if name == "denoise" else inspect.signature(api.denoise).parameters
    verb = read_verbs()[name.replace("_", "-")]
    assert set(verb.keywords) == (set(own) | set(common)) - {"settings"}
    for keyword in verb.keywords.values():
        parameter = own.get(keyword.name) or common[keyword.name]
        assert keyword.required == (parameter.default is parameter.empty)
        assert keyword.annotation.replace("'", "") == parameter.annotation
        assert len(keyword.text) > 10
    assert verb.keywords["preset"].words == list(PRESETS[restoring.PRESETS[name]])


def test_a_new_keyword_of_a_verb_is_an_option_of_all(monkeypatch, capsys):
    source = Path(api.__file__).read_text()
    source = source.replace(
        "    tv: float | None = None,\n", "    tv: float | None = None,\n    twist: int | None = None,\n", 1
    )
    source = source.replace(
        "    tv : float\n", "    twist : int\n        Turns of `tv`.\n    tv : float\n", 1
    )
    assert read_verbs(source)["super-resolve"].keywords["twist"].value("3") == 3
    monkeypatch.setattr("napari_dip.cli.read_verbs", lambda: read_verbs(source))
    assert run("inpaint --help") == 0
    assert re.search(r"--twist N +Turns of --tv\.", capsys.readouterr().out)


@pytest.mark.parametrize(
    ("command", "name", "text", "value"),
    [
        ("super-resolve", "factor", "4", 4),
        ("super-resolve", "factor", "4,1,1", [4, 1, 1]),
        ("super-resolve", "factor", "[4, 1, 1]", [4, 1, 1]),
        ("super-resolve", "psf", "1.5,0.2", [1.5, 0.2]),
        ("super-resolve", "kernel", "box,lanczos", ["box", "lanczos"]),
        ("super-resolve", "kernel", '{"name": "gaussian", "fwhm": 2}', {"name": "gaussian", "fwhm": 2}),
        ("inpaint", "labels", "1,3", [1, 3]),
        ("denoise", "noise", "25", 25.0),
        ("denoise", "planes", "-1", -1),
        ("denoise", "planes", "3:8", slice(3, 8)),
        ("denoise", "planes", ":-1, 2", [slice(None, -1), 2]),
        ("denoise", "noise", "auto", "auto"),
        ("denoise", "network", "hourglass", "hourglass"),
        ("denoise", "axes", "ZYX", "ZYX"),
        ("denoise", "dtype", "float32", "float32"),
        ("denoise", "seconds", "2.5", 2.5),
    ],
)
def test_values_are_what_they_would_be_in_python(command, name, text, value):
    assert read_verbs()[command].keywords[name].value(text) == value


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("denois slices", "there is no command 'denois'. Is denoise meant?"),
        ("denoise", "required: IN. See napari-dip denoise --help"),
        ("denoise slices --iteration 3", "there is no option --iteration. Is --iterations meant?"),
        ("denoise slices --preset faster", "preset 'faster' does not exist. Choose one of: fast, best"),
        ("denoise slices --iterations 1.5", "--iterations: a whole number is needed, but '1.5'"),
        ("denoise slices --planes 3:x", "a whole number or a range such as 3:8, or several with commas"),
        ("denoise slices --iterations 0", "iterations must be a whole number of at least 1, but is 0"),
        ("denoise slices --network '{\"name\"'", "is not JSON"),
        ('denoise slices --network \'{"name": "x"}\'', "network 'x' does not exist. Choose one of"),
        ("denoise slices --device cuda:99", "device 'cuda:99' is not available here"),
        ("denoise slices --dtype foo", "'foo'"),
        ("denoise slices -o all.tif", "the results of several images can't all be all.tif"),
        ("denoise slices/a.png -o a.gif", "doesn't say what kind of file to write"),
        (
            "denoise slices restored",
            "restored is not there. If results are to go to it, say so with -o",
        ),
        ("denoise slices -o mask.png/x/", "the folder mask.png/x can't be made"),
        ("denoise slices --overwrite --skip-existing", "not allowed with"),
        ("denoise slices --settings none.json", "--settings: "),
        ("denoise slices --settings slices/a.png", "doesn't say how it was made"),
        ("denoise slices --noise -3", "a standard deviation of 0 or more in the image's units"),
        ("denoise slices --detail 2", "detail must be a number from -1 (smoothest) to 1"),
        ("denoise slices --tile 0", "tile must be a whole number of pixels"),
        ("super-resolve slices", "--factor is needed"),
        ("deconvolve slices", "--psf is needed"),
        (
            "super-resolve slices --factor 1.5",
            "--factor: a whole number, or several with commas between",
        ),
        ("info", "required: FILE"),
        ("presets foo", "invalid choice: 'foo'"),
    ],
)
def test_wrong_usage_is_one_sentence(words, sentence, capsys):
    assert run(words) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1 and told.err.startswith("napari-dip: ")
    assert sentence in told.err
    assert there("slices") == ["a.png", "b.tif", "c.jpg"]


# ------------------------------------------------------------------------------------------- what it restores


def test_a_folder_is_restored_as_python_does_it_and_never_twice(capsys):
    assert run("denoise slices --seed 3", QUICK) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("slices/a.png -> slices/a.denoised.ome.tif (3 iterations in ")
    assert lines[3] == "3 restored"
    made = [name for name in there("slices") if "denoised" in name]
    assert made == ["a.denoised.ome.tif", "b.denoised.ome.tif", "c.denoised.ome.tif"]
    image, description = pixels("slices/b.denoised.ome.tif"), read("slices/b.denoised.ome.tif")[1]
    expected = dip.denoise("slices/b.tif", seed=3, **SETTINGS)
    assert np.array_equal(image, expected.image) and description.record["settings"] == expected.settings

    assert run("denoise slices", QUICK) == 1
    told = capsys.readouterr()
    assert told.err.count("exists already") == 3 and told.out == "3 failed\n"
    assert run("denoise slices --skip-existing", QUICK) == 0
    assert capsys.readouterr().out.count("is there already") == 3
    assert len(there("slices")) == 6
    assert np.array_equal(pixels("slices/b.denoised.ome.tif"), image)


def test_how_sure_a_result_is_is_no_image_to_be_restored():
    for name in ("a.denoised.ome.tif", "a.denoised-uncertainty.ome.tif", "a.new-uncertainty.ome.tif"):
        said = replace(Description.plain("YX"), record={"task": "denoise"})
        write(Path("slices", name), pixels("slices/b.tif"), said)
    found = find(["slices"])
    works = assign(found, "denoise", out="slices/{stem}.new.ome.tif")
    assert [work.image.name for work in works] == ["a.png", "b.tif", "c.jpg"]
    assert len(found.left_out) == 3 and not found.failures
    sure = Path("slices/a.denoised-uncertainty.ome.tif")
    before = sure.read_bytes()
    os.remove("slices/a.denoised.ome.tif")
    assert run("denoise slices/a.png --uncertainty 2", QUICK) == 1 and sure.read_bytes() == before
    assert run("denoise slices/a.png --uncertainty 2 --overwrite", QUICK) == 0
    assert pixels(sure).dtype == np.float32 and os.path.exists("slices/a.denoised.ome.tif")
    assert not [name for name in there("slices") if name.startswith("a.denoised.new")]


def test_what_an_image_is_made_from_is_not_overwritten_by_its_uncertainty(capsys):
    image = Path("b-uncertainty.ome.tif")
    write(image, np.full((24, 24), 7.0, "float32"), Description.plain("YX"))
    before = image.read_bytes()
    assert run(f"denoise {image} -o b.ome.tif --uncertainty 2 --overwrite", QUICK) == 1
    assert f"{image}, which it is made from" in capsys.readouterr().err
    assert image.read_bytes() == before


def test_overwriting_keeps_the_old_until_the_new_is_finished(capsys, monkeypatch):
    imsave("d.png", imread("slices/a.png")[:, :20], check_contrast=False)
    assert run("denoise d.png -o d.tif", QUICK) == 0
    before = pixels("d.tif")
    with monkeypatch.context() as patch:
        patch.setattr("napari_dip.cli.restoring.Bar.follow", lambda bar, step: 1 / 0)
        assert run("denoise d.png -o d.tif --overwrite --seed 1", QUICK) == 1
    assert np.array_equal(pixels("d.tif"), before)
    with monkeypatch.context() as patch:
        patch.setattr("napari_dip.cli.restoring.Bar.follow", press_ctrl_c)
        capsys.readouterr()
        assert run("denoise d.png -o d.tif --overwrite --seed 1 --json", QUICK) == 130
    told = capsys.readouterr()
    assert "the old d.tif stays" in told.err
    facts = json.loads(told.out)
    assert facts["output"] is None and facts["error"] == "not made: ended by user"
    assert np.array_equal(pixels("d.tif"), before)
    assert run("denoise d.png -o d.tif --overwrite --seed 1", QUICK) == 0
    assert not np.array_equal(pixels("d.tif"), before)
    assert run("denoise stack.ome.zarr -o s.ome.zarr", QUICK) == 0
    assert run("denoise stack.ome.zarr -o s.ome.zarr --overwrite --dtype float32", QUICK) == 0
    assert read("s.ome.zarr")[0].dtype == "float32"
    Path("mine").mkdir()
    assert run("denoise d.png -o mine.d/", QUICK) == 0
    os.rename("mine", "mine.d/d.tif")
    assert run("denoise d.png -o mine.d/{stem}.tif --overwrite", QUICK) == 1
    assert "is a folder, and no image" in capsys.readouterr().err
    assert there(".") == ["d.png", "d.tif", "mask.png", "mine.d", "s.ome.zarr", "slices", "stack.ome.zarr"]


def test_json_is_a_line_for_each_file_and_nothing_else(capsys):
    assert run("denoise slices/a.png none.tif slices/b.tif --json -o out", QUICK) == 1
    told = capsys.readouterr()
    failed, first, second = [json.loads(line) for line in told.out.splitlines()]
    assert failed["input"] == "none.tif" and "no such file" in failed["error"]
    assert first["input"] == "slices/a.png" and first["output"] == "out/a.denoised.ome.tif"
    assert list(second) == [
        "input",
        "output",
        "iterations",
        "stopped_by",
        "residual",
        "noise",
        "seconds",
        "settings",
    ]
    assert second["iterations"] == 3 and second["stopped_by"] == "iteration limit" and second["noise"] > 0
    again = dip.denoise("slices/b.tif", **second["settings"])
    assert np.array_equal(pixels("out/b.denoised.ome.tif"), again.image)
    assert told.err == "napari-dip: none.tif: there is no such file or folder. Check the name\n"


def test_quiet_says_only_what_goes_wrong(capsys):
    assert run("denoise slices/a.png --quiet", QUICK) == 0
    assert capsys.readouterr() == ("", "")
    assert run("denoise slices/a.png --quiet", QUICK) == 1
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("mask", ["masks", "masks/{stem}.png", "masks/*.png"])
def test_each_image_has_the_mask_of_its_name(mask, capsys):
    os.mkdir("masks")
    holes = {}
    for n, name in enumerate("ab"):
        holes[name] = np.zeros((24, 24), bool)
        holes[name][4 + 9 * n : 7 + 9 * n, 2:20] = True
        imsave(f"masks/{name}.png", holes[name].astype("uint8"), check_contrast=False)
    assert run("inpaint slices --mask", [mask, "-o", "filled/{stem}.png"], QUICK) == 1
    assert re.search(r"slices/c.jpg: .*(is none in masks|no mask masks/c.png)", capsys.readouterr().err)
    assert there("filled") == ["a.png", "b.png"]
    for name, file in (("a", "a.png"), ("b", "b.tif")):
        same = imread(f"filled/{name}.png") == imread(f"slices/{file}")
        assert same[~holes[name]].all() and not same[holes[name]].all()


def test_one_mask_is_for_all_and_no_image_itself(capsys):
    assert run("inpaint slices/a.png slices/b.tif mask.png --mask mask.png --damage holes --json", QUICK) == 0
    told = capsys.readouterr()
    assert [json.loads(line)["settings"]["damage"] for line in told.out.splitlines()] == ["holes", "holes"]
    assert "left out" in told.err and "mask.png" in told.err
    assert run("inpaint slices/a.png --mask slices/a.png -o x.tif", QUICK) == 1
    imsave("small.png", np.eye(9, dtype="uint8"), check_contrast=False)
    assert run("inpaint slices/a.png --mask small.png -o x.tif", QUICK) == 1
    assert run("inpaint slices/a.png --mask no.png -o x.tif", QUICK) == 1
    sentences = capsys.readouterr().err.splitlines()
    for sentence, part in zip(
        sentences, ("mask is the image", "mask has shape (9, 9)", "no mask no.png"), strict=True
    ):
        assert sentence.startswith("napari-dip: slices/a.png: ") and part in sentence


@pytest.mark.parametrize(
    ("psf", "kind"), [("mask.png", "measured"), ("1.5", "gaussian"), ("'{\"fwhm\": 1.5}'", "gaussian")]
)
def test_a_blur_is_told_by_a_file_a_width_or_json(psf, kind):
    assert run(f"deconvolve slices/b.tif -o sharp.png --psf {psf}", QUICK) == 0
    record = read("sharp.png")[1].record
    assert (record["task"], record["settings"]["psf"]["name"]) == ("deconvolve", kind)


def test_super_resolution_is_finer_in_pixels_and_in_micrometers():
    assert run("super-resolve stack.ome.zarr --factor 2,1 --psf 0.15,0.1", QUICK) == 0
    image, said = read("stack.super-resolved.ome.zarr")
    assert image.shape == (3, 48, 24) and said.scale == (2.0, 0.05, 0.1)
    kernels = said.record["settings"]["kernel"]
    assert [round(kernel["fwhm"], 3) for kernel in kernels] == [1.5, 1.0]


def test_two_names_are_an_image_and_its_result(capsys):
    assert run("denoise slices/a.png a.png", QUICK) == 0
    image, said = read("a.png")
    assert image.dtype == "uint8" and said.record["task"] == "denoise"
    assert run("denoise slices/a.png a.png", QUICK) == 1
    assert run("denoise slices/a.png a.png --skip-existing", QUICK) == 0
    assert run("denoise slices/a.png a.png --overwrite", QUICK) == 2
    assert "say so with -o a.png" in capsys.readouterr().err
    assert run("denoise slices/a.png slices/b.tif", QUICK) == 0  # two images
    assert there("slices") == ["a.denoised.ome.tif", "a.png", "b.denoised.ome.tif", "b.tif", "c.jpg"]


def test_what_is_wrong_with_one_image_is_said_and_the_others_go_on(capsys):
    Path("slices/broken.tif").write_bytes(Path("slices/b.tif").read_bytes()[:200])
    Path("slices/text.png").write_text("hello")
    imsave("slices/a.tif", imread("slices/a.png"), check_contrast=False)
    os.mkdir("empty")
    assert run("denoise slices 'x*.tif' empty none.tif slices/none.png --json", QUICK) == 1
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    for sentence in (
        "x*.tif: no image has a name like this",
        "empty: there is no image in this folder",
        "none.tif: there is no such file",
        "slices/broken.tif: the TIFF file slices/broken.tif can't be read",
        "slices/text.png: slices/text.png is not an image",
        "slices/a.tif: its result would be slices/a.denoised.ome.tif, and so would that of slices/a.png",
    ):
        assert f"napari-dip: {sentence}" in told.err
    lines = [json.loads(line) for line in told.out.splitlines()]
    assert sorted(line["output"][7] for line in lines if "error" not in line) == ["a", "b", "c"]
    assert len(lines) == 10


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("super-resolve slices/a.png --factor 99", "factor must be a whole number from 2 to 16"),
        ("denoise slices/a.png --axes ZYX", "axes='ZYX': 3 letters for an array of 2 axes"),
        ("denoise stack.ome.zarr -o stack.png", "can't be written to PNG, which has one plane"),
        ("denoise slices/a.png -o none/a.tif", "there is no folder none"),
        ("denoise slices/a.png -o slices/a.png --overwrite", "the result can't be slices/a.png"),
        (
            "denoise slices/a.png --guide mask.png -o mask.png --overwrite",
            "the result can't be mask.png, its guide",
        ),
    ],
)
def test_what_cannot_be_done_with_an_image_is_one_sentence(words, sentence, capsys):
    assert run(words, QUICK) == 1
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1 and sentence in told.err
    assert there("slices") == ["a.png", "b.tif", "c.jpg"]


def test_a_fault_of_ours_asks_to_be_reported(monkeypatch, capsys):
    monkeypatch.setattr(planning, "_plan", lambda *args: {}["gone"])
    assert run("denoise slices/a.png", QUICK) == 1
    told = capsys.readouterr().err
    assert "a fault of napari-dip, not of yours (KeyError: 'gone'). Please report it" in told
    assert "Traceback" not in told
    assert run("denoise slices/a.png --debug", QUICK) == 1
    assert "Traceback" in capsys.readouterr().err


def test_settings_of_a_file_or_a_result_are_changed_by_options(capsys):
    Path("s.json").write_text(json.dumps(SETTINGS | {"seed": 4}))
    assert run("denoise slices/a.png -o a.png --settings s.json --preset best") == 0
    record = read("a.png")[1].record
    assert record["settings"]["seed"] == 4 and record["settings"]["preset"] == "best"
    assert run("denoise slices/a.png -o again.tif --settings a.png") == 0
    assert np.array_equal(pixels("again.tif"), pixels("a.png"))
    # Its axes, YX, are not the stack's.
    assert run("denoise stack.ome.zarr -o s.ome.zarr --settings again.tif --iterations 2") == 0
    assert read("s.ome.zarr")[1].record["settings"] == record["settings"] | {"axes": "TYX", "iterations": 2}
    capsys.readouterr()
    assert run("inpaint slices/a.png --mask mask.png --settings a.png") == 2
    assert run("denoise slices/a.png --preset fast --settings a.png") == 2
    Path("s.json").write_text('{"sead": 4}')
    assert run("denoise slices/a.png --settings s.json") == 2
    told = capsys.readouterr().err
    for part in (
        "are to denoise, and not to inpaint",
        "Leave one of them out",
        "no setting of denoise: 'sead'",
    ):
        assert part in told


def test_results_that_tiff_readers_may_not_take_become_zarr(monkeypatch):
    monkeypatch.setattr("napari_dip.cli.files.LARGE", 24 * 24)
    names = [work.out.name for work in assign(find(["slices"]), "denoise")]
    assert names == ["a.denoised.ome.tif", "b.denoised.ome.tif", "c.denoised.ome.tif"]
    monkeypatch.setattr("napari_dip.cli.files.LARGE", 24 * 24 - 1)
    (work,) = assign(find(["slices/b.tif"]), "denoise")
    assert work.out.name == "b.denoised.ome.zarr"


def test_what_is_in_a_file_and_how_it_was_made(capsys):
    assert run("denoise stack.ome.zarr --quiet", QUICK) == 0
    assert run("info stack.denoised.ome.zarr mask.png") == 0
    text = capsys.readouterr().out
    for part in (
        "axes:       TYX\n",
        "shape:      3 x 24 x 24\n",
        "type:       uint16\n",
        "pixel size: T 2 second, Y 0.1 micrometer, X 0.1 micrometer\n",
        "denoise, preset fast (network, correction, … changed), 9 iterations, stopped by iteration limit, ",
        "pixel size: not known",
    ):
        assert part in text
    assert run("info stack.denoised.ome.zarr none --json") == 1
    told = capsys.readouterr()
    facts = json.loads(told.out)
    assert facts["units"] == ["second", "micrometer", "micrometer"] and facts["shape"] == [3, 24, 24]
    assert facts["record"]["settings"]["iterations"] == 3
    assert "none: there is no such file" in told.err


def test_the_presets_are_listed(capsys):
    assert run("presets") == 0
    text = capsys.readouterr().out
    assert text.count("  fast ") == sum(map(len, KINDS.values())) and "inpaint, holes" in text
    assert run("presets denoise --json") == 0
    facts = json.loads(capsys.readouterr().out.splitlines()[0])
    assert facts["presets"]["best"] == PRESETS["denoise"]["best"].to_dict()


# --------------------------------------------------------------------------------------------- interruptions


def press_ctrl_c(bar, step):
    os.kill(os.getpid(), signal.SIGINT)


posix = pytest.mark.skipif(os.name != "posix", reason="Windows sends Ctrl-C to all processes of a console")


@pytest.fixture(autouse=True)
def ctrl_c_is_heard():
    """Also where whoever runs the tests has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@posix
def test_a_stack_that_was_interrupted_goes_on_where_it_was(capsys, monkeypatch):
    assert run("denoise stack.ome.zarr -o whole.ome.tif", QUICK) == 0
    seen = []

    def follow(bar, step):
        seen.append(step.run)
        if step.run == 1:
            press_ctrl_c(bar, step)

    with monkeypatch.context() as patch:
        patch.setattr("napari_dip.cli.restoring.Bar.follow", follow)
        assert run("denoise stack.ome.zarr slices -o out --json", QUICK) == 130
    told = capsys.readouterr()
    assert "is not finished: 1 of 3 planes are done and kept" in told.err
    assert "Do the same again to go on" in told.err
    facts = json.loads(told.out.splitlines()[-1])
    assert facts["stopped_by"] == "user" and facts["output"] is None
    assert there("out") == ["stack.denoised.ome.zarr.unfinished"] and seen == [0, 0, 0, 1]

    seen.clear()
    monkeypatch.setattr("napari_dip.cli.restoring.Bar.follow", lambda bar, step: seen.append(step.run))
    assert run("denoise stack.ome.zarr slices -o out --resume --json", QUICK) == 0
    assert set(seen) == {1, 2} and there("out") == ["stack.denoised.ome.zarr"]
    assert np.array_equal(pixels("out/stack.denoised.ome.zarr"), pixels("whole.ome.tif"))
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one.get("skipped", False) for one in told] == [True, True, True, False]


@posix
def test_ctrl_c_keeps_the_best_of_an_image(here):
    script = (
        "import os, signal, sys; from napari_dip.cli import main, restoring;"
        "signal.signal(signal.SIGINT, signal.default_int_handler);"
        "restoring.Bar.follow = lambda bar, step: step.iterate.iteration == 10 and os.kill(os.getpid(), 2);"
        "sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", script, "denoise", "slices", "--json", *QUICK, "--iterations", "9999"]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=100)
    assert done.returncode == 130, done.stderr
    facts = json.loads(done.stdout)
    assert facts["stopped_by"] == "user" and facts["iterations"] == 10
    assert "stopping after this iteration" in done.stderr and "is the best until then" in done.stderr
    assert there("slices") == ["a.denoised.ome.tif", "a.png", "b.tif", "c.jpg"]
    image, description = read("slices/a.denoised.ome.tif")
    assert description.record["stopped_by"] == "user" and np.asarray(image).std() > 0


def test_settings_for_a_microscope_are_found_and_kept(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(presets, "folder", lambda: tmp_path / "presets")
    presets.save("short", {"iterations": 30, "expected": 30, "network": SETTINGS["network"], "finish": 0})
    rng = np.random.default_rng(0)
    for name in "ab":
        light = 100.0 + 60 * (gaussian_filter(rng.normal(size=(24, 24)), 3) > 0.02)
        for folder in ("first", "second"):
            os.makedirs(folder, exist_ok=True)
            noisy = (light + rng.normal(0, 12, light.shape)).clip(0, 255).astype("uint8")
            imsave(f"{folder}/{name}.tif", noisy, check_contrast=False)
    fixed = ["--preset", "short", "--device", "cpu", "--precision", "float32", "--json"]
    assert main(["calibrate", "first", "--repeats", "second", "--save", "scope", *fixed]) == 0
    told = capsys.readouterr()
    facts = json.loads(told.out)
    assert (
        facts["repeats"] == ["second/a.tif", "second/b.tif"] and "first/b.tif with second/b.tif" in told.err
    )
    assert facts["preset"] == ("scope" if facts["gain"] else "short")
    assert ("scope" in presets.names()) == bool(facts["gain"])
    assert [len(one["gains"]) for one in facts["tried"]] == [2, 2, 2]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("a.png b.tif", "one of the arguments --repeats --truths is required"),
        ("a.png --repeats b.tif", "takes at least two images"),
        ("a.png b.tif --repeats c.jpg", "there are 2 images and 1 repeats"),
        ("a.png b.tif --truths truths", "--truths: truths: there is no such file"),
        ("a.png b.tif --repeats {stem}.jpg", "there is no repeat a.jpg"),
        ("a.png c.png --repeats b.tif c.jpg", "c.png: there is no such file"),
    ],
)
def test_a_calibration_that_cannot_be_is_one_sentence(words, sentence, capsys, monkeypatch):
    monkeypatch.chdir("slices")
    assert main(["calibrate", *words.split()]) == 2
    told = capsys.readouterr()
    assert sentence in told.err.splitlines()[-1] and not told.out


def test_help_is_quick_and_loads_nothing_heavy():
    code = (
        "import sys, time; start = time.process_time(); from napari_dip.cli import main;"
        "main(['inpaint', '--help']); print(time.process_time() - start, file=sys.stderr);"
        "print([m for m in ('torch', 'napari', 'numpy', 'dask', 'skimage', 'tqdm') if m in sys.modules],"
        "file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, loaded = done.stderr.splitlines()
    assert loaded == "[]" and "--neighbours N" in done.stdout
    assert float(seconds) < 0.7


# --------------------------------------------------------------------------------- what belongs to an image


def test_the_labels_that_count_are_of_the_settings(capsys):
    mask = np.zeros((24, 24), "uint8")
    mask[4:6, 3:20], mask[15:17, 3:20] = 1, 2
    write("labels.tif", mask, Description.plain("YX"))
    assert run("inpaint slices/b.tif --mask labels.tif --labels 2 -o one.ome.tif", QUICK) == 0
    assert run("inpaint slices/b.tif --mask labels.tif --settings one.ome.tif -o two.ome.tif") == 0
    assert np.array_equal(pixels("one.ome.tif"), pixels("two.ome.tif"))
    assert np.array_equal(pixels("one.ome.tif")[4:6], pixels("slices/b.tif")[4:6])
    record = read("two.ome.tif")[1].record
    assert record["settings"]["labels"] == [2]
    restored = dip.inpaint("slices/b.tif", "labels.tif", **record["settings"])
    assert "labels=2" in restored.as_python("slices/b.tif", "labels.tif")


def test_axes_that_are_given_say_more_than_the_names_of_channels_in_a_file():
    said = replace(Description.plain("CYX"), channels=("DAPI", "GFP", "Cy5"))
    write("named.ome.tif", pixels("stack.ome.zarr"), said)
    assert run("denoise named.ome.tif --axes TYX -o time.ome.tif", QUICK) == 0
    assert read("time.ome.tif")[1].axes == "TYX" and not read("time.ome.tif")[1].channels
    assert run("denoise named.ome.tif -o same.ome.tif", QUICK) == 0
    assert read("same.ome.tif")[1].channels == said.channels


def test_an_image_that_was_given_is_not_overwritten_by_the_result_of_another(capsys):
    shutil.copy("slices/b.tif", "slices/bb.tif")
    before = Path("slices/bb.tif").read_bytes()
    words = "denoise slices/b.tif slices/bb.tif -o slices/{stem}b.tif --overwrite"
    assert run(words, QUICK) == 1
    assert "was given. Choose another name with -o" in capsys.readouterr().err
    assert Path("slices/bb.tif").read_bytes() == before and os.path.exists("slices/bbb.tif")


def test_settings_of_another_image_do_not_say_what_its_axes_are(capsys):
    said = Description("ZYX", (0.3, 0.1, 0.1), (0.0,) * 3, ("micrometer",) * 3)
    write("volume.ome.tif", pixels("stack.ome.zarr"), said)
    assert run("denoise volume.ome.tif -o volume.denoised.ome.tif", QUICK) == 0
    assert run("denoise stack.ome.zarr --settings volume.denoised.ome.tif -o movie.ome.tif") == 0
    assert "its axes are TYX, and not ZYX as those of the settings" in capsys.readouterr().err
    movie = read("movie.ome.tif")[1]
    assert (movie.axes, movie.scale[0], movie.units[0]) == ("TYX", 2.0, "second")
    assert (
        run("denoise stack.ome.zarr --settings volume.denoised.ome.tif --axes ZYX -o volume.new.ome.tif") == 0
    )
    assert read("volume.new.ome.tif")[1].axes == "ZYX"


def test_settings_of_another_file_do_not_say_how_a_jpeg_was_stored():
    for quality in (30, 80):
        Image.fromarray(pixels("slices/a.png")).save(f"q{quality}.jpg", quality=quality)
    assert run("deblock q30.jpg -o q30.ome.tif", QUICK) == 0
    assert run("deblock q80.jpg --settings q30.ome.tif -o q80.ome.tif") == 0
    tables = [read(f"q{quality}.ome.tif")[1].record["settings"]["table"] for quality in (30, 80)]
    assert tables == [[list(row) for row in quantisation_of(f"q{quality}.jpg")] for quality in (30, 80)]


@pytest.mark.parametrize("name", ["~$b.tif", "~b.tif", "b,1.tif", "3", "[b].tif", "-b.tif"])
def test_a_file_may_be_called_anything(name):
    shutil.copy("slices/b.tif", name)
    said = f"./{name}" if name.startswith("-") else name
    assert main(["denoise", said, "-o", "~out.ome.tif", *QUICK]) == 0
    assert main(["denoise", "slices/b.tif", "--guide", said, "-o", "guided.ome.tif", *QUICK]) == 0
    assert main(["info", said, "~out.ome.tif"]) == 0


@pytest.mark.parametrize("words", ["denoise ''", "denoise slices -o ''", "inpaint slices/b.tif --mask ''"])
def test_an_empty_name_is_no_folder(words, capsys):
    assert run(words, QUICK) in (1, 2)
    assert "empty" in capsys.readouterr().err and len(there("slices")) == 3


@pytest.mark.parametrize("factor", ['["a"]', "[[2,2]]", "[null]", '["a",2]', "2.5,1"])
def test_a_factor_that_is_none_is_told_of(factor, capsys):
    assert main(["super-resolve", "slices/b.tif", "--factor", factor, *QUICK]) in (1, 2)
    told = capsys.readouterr().err
    assert "factor" in told and "fault of napari-dip" not in told


def test_what_no_tiff_holds_goes_to_a_zarr_by_default():
    write("bool.ome.zarr", pixels("slices/b.tif") > 60, Description.plain("YX"))
    Image.fromarray(pixels("slices/b.tif") > 60).save("bits.png")
    assert run("denoise bits.png bool.ome.zarr", QUICK) == 0
    assert pixels("bits.denoised.ome.zarr").dtype == pixels("bool.denoised.ome.zarr").dtype == bool
    assert run("denoise bits.png --dtype float32", QUICK) == 0
    assert pixels("bits.denoised.ome.tif").dtype == np.float32


def test_a_file_of_nothing_is_refused_as_an_array_is(capsys):
    write("nothing.ome.tif", np.full((24, 24), np.nan, "float32"), Description.plain("YX"))
    assert run("denoise nothing.ome.tif", QUICK) == 1
    assert "no pixel of the image is a finite number" in capsys.readouterr().err
    assert not os.path.exists("nothing.denoised.ome.tif")


def test_what_a_file_gives_notice_of_is_said_as_everything_else(capsys):
    with tifffile.TiffWriter("two.tif") as file:
        for side in (24, 20):
            file.write(np.full((side, side), 3, "uint8"))
    assert run("info two.tif") == 0
    assert capsys.readouterr().err.startswith("napari-dip: two.tif: holds 2 images; the first is read")


def test_a_run_that_was_to_overwrite_is_no_new_one_for_resume(capsys, monkeypatch):
    assert run("denoise stack.ome.zarr -o out.ome.zarr", QUICK) == 0
    monkeypatch.setattr("napari_dip.unfinished.is_begun", lambda path: ".new" in str(path))
    assert run("denoise stack.ome.zarr -o out.ome.zarr --resume", QUICK) == 1
    assert "Take --overwrite to go on with it" in capsys.readouterr().err
