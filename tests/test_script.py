"""A result as a script or a command that makes it again."""

from __future__ import annotations

import re
import shlex

import numpy as np
import pytest
from PIL import Image

import napari_dip as dip
from napari_dip.cli.options import read_verbs
from napari_dip.cli.parsers import verb_parser
from napari_dip.images.files import Description, write
from napari_dip.script import Pixels, as_code, as_command, as_python, command_line, said_with_preset

HERE = {"device": "cpu", "precision": "float32"}


@pytest.fixture(scope="module")
def noisy():
    clean = np.tile(400 + 200 * np.sin(np.arange(32) / 5), (32, 1))
    return np.random.default_rng(0).normal(clean, 30).astype("uint16")


@pytest.fixture
def file(noisy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write("cell.tif", noisy, Description.plain("YX"))
    return "cell.tif"


def scratches(shape):
    mask = np.zeros(shape, bool)
    mask[10:13, 3:28] = mask[25, 5:20] = True
    return mask


def run(script, **given):
    """Execute a script, with what it leaves open filled in, and return its result."""
    for name in given:
        script, found = re.subn(rf"^{name} = \.\.\..*$", "", script, flags=re.MULTILINE)
        assert found == 1
    names = dict(given)
    exec(script, names)
    return names["restored"]


@pytest.mark.parametrize(
    "settings",
    [
        {"iterations": 12, "seed": 3, "tv": 20.0},
        {"preset": "best", "iterations": 6, "stopping": {"name": "whiteness"}, "detail": -0.5},
        {"iterations": 6, "noise": 25, "dtype": "float32", "likelihood": "huber", "input": {"channels": 8}},
    ],
)
def test_a_script_makes_the_same_pixels_again(noisy, file, settings):
    result = dip.denoise(noisy, **HERE, **settings)
    script = result.as_python(file)
    again = run(script)
    np.testing.assert_array_equal(np.asarray(again.image), result.image)
    assert again.settings == result.settings
    # What was asked for is said, and nothing besides.
    assert set(said_with_preset("denoise", result.settings)) <= {*settings, *HERE, "axes"}


def test_a_number_without_end_is_said_in_python():
    assert eval(as_code({"patience": np.inf, "at": 2})) == {"patience": float("inf"), "at": 2}


def test_filling_in_and_a_place_for_what_is_in_no_file(noisy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    mask = scratches(noisy.shape)
    result = dip.inpaint(noisy, mask, iterations=8, **HERE)
    again = run(result.as_python(), image=noisy, mask=mask)
    np.testing.assert_array_equal(np.asarray(again.image), result.image)
    assert again.settings == result.settings


def test_a_blur_and_a_guide_are_said(noisy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for result, given in (
        (dip.deconvolve(noisy, 2.0, iterations=4, **HERE), {}),
        (dip.denoise(noisy, guide=noisy[::-1], iterations=4, **HERE), {"guide": noisy[::-1]}),
    ):
        again = run(result.as_python(), image=noisy, **given)
        np.testing.assert_array_equal(np.asarray(again.image), result.image)
        assert again.settings == result.settings


def test_a_command_takes_a_guide_and_a_jpeg_file_that_says_its_table(noisy, tmp_path):
    image, guide = Pixels("", "a.tif"), Pixels("", "b.tif")
    settings = dip.denoise(noisy, guide=noisy, iterations=2, **HERE).settings
    assert " --guide b.tif " in as_command("denoise", settings, image, out="c.png", guide=guide)
    for unknown in (None, Pixels("the layer 'b'"), Pixels("", "b.tif", part=(1,))):
        assert as_command("denoise", settings, image, out="c.png", guide=unknown) is None
    path = str(tmp_path / "a.jpg")
    Image.fromarray(noisy.astype("uint8")).save(path, quality=20)
    settings = dip.deblock(path, iterations=2, **HERE).settings
    told = [as_command("deblock", settings, Pixels("", name), out="b.png") for name in (path, "a.png")]
    assert ["--table" in command for command in told] == [False, True]
    words = shlex.split(told[1])
    table = read_verbs()["deblock"].keywords["table"].value(words[words.index("--table") + 1])
    assert np.shape(table) == (8, 8)


def test_finer_in_z_with_optics(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stack = np.random.default_rng(0).poisson(50, (4, 16, 16)).astype("uint8")
    result = dip.super_resolve(stack, (2, 1, 1), psf=(2, 1.5, 1.5), iterations=3, **HERE)
    script = result.as_python(out="finer.ome.zarr")
    assert "image, (2, 1, 1)," in " ".join(script.split())
    again = run(script, image=stack)
    np.testing.assert_array_equal(np.asarray(again.image), result.image)


def test_it_reads_as_a_person_would_have_written_it(noisy):
    settings = dip.denoise(noisy, iterations=2, **HERE).settings
    plain = {key: value for key, value in settings.items() if key not in (*HERE, "iterations")}
    image = Pixels("the pixels of 'a\nb'", "a/cell.tif", part=(slice(2, 5), 1))
    script = as_python("denoise", plain, image, out="b.png", stopped_by="user", notes=["two\nlines"])
    assert script.splitlines() == [
        "# The run was stopped by hand: this one ends by itself, and differs a little.",
        "# two lines",
        "import numpy as np",
        "",
        "import napari_dip as dip",
        "from napari_dip.images.files import read",
        "",
        "image = np.asarray(read(\"a/cell.tif\")[0][2:5, 1])  # the pixels of 'a b'",
        "",
        'restored = dip.denoise(image, out="b.png")',
    ]


def test_the_command_says_the_same(noisy, file):
    asked = {"iterations": 5, "stopping": {"fraction": 0.1}, "detail": -0.5, "warm": False} | HERE
    result = dip.denoise(noisy, **asked)
    command = as_command("denoise", result.settings, Pixels("", "my cell.tif"), out="a.ome.tif")
    name, verb, *words = shlex.split(command)
    assert (name, verb) == ("napari-dip", "denoise")
    options = vars(verb_parser(read_verbs()["denoise"]).parse_intermixed_args(words))
    assert options["images"] == ["my cell.tif"]
    assert options["out"] == "a.ome.tif"
    assert {key: options[key] for key in asked} == asked
    assert dip.denoise(noisy, **{key: options[key] for key in asked}).settings == result.settings
    assert as_command("denoise", result.settings, Pixels("no file"), out="a.ome.tif") is None

    finer = dip.super_resolve(noisy, 2, kernel={"name": "gaussian", "fwhm": 1.5}, iterations=2, **HERE)
    command = as_command("super-resolve", finer.settings, Pixels("", file), out="a.png")
    options = vars(verb_parser(read_verbs()["super-resolve"]).parse_intermixed_args(shlex.split(command)[2:]))
    assert options["factor"] == 2
    assert options["kernel"] == {"name": "gaussian", "fwhm": 1.5}


def test_names_of_files_are_no_commands_of_their_own():
    def said(name, windows):
        return command_line(["napari-dip", "denoise", name], [name], windows=windows)

    assert said("a&calc.tif", True) == 'napari-dip denoise "a&calc.tif"'
    assert said("a (1).tif", True) == 'napari-dip denoise "a (1).tif"'
    assert said("C:\\a\\b.tif", True) == "napari-dip denoise C:\\a\\b.tif"
    assert said("$(calc).tif", True) is None and said("%PATH%.tif", True) is None
    for name in ("a;reboot.tif", "$(reboot).tif", "a\nreboot.tif", "'a'.tif"):
        assert shlex.split(said(name, False))[2:] == [name]


def test_a_file_whose_name_begins_with_a_dash_is_no_option():
    result = dip.denoise(np.eye(16), iterations=1, **HERE)
    words = shlex.split(as_command("denoise", result.settings, Pixels("", "-o.tif"), out="a.ome.tif"))
    assert words[2] in ("./-o.tif", ".\\-o.tif")
