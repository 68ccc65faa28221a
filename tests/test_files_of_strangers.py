"""Files of somebody else: nothing in them is run, or leads elsewhere; a sentence says what is wrong."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import pickle
import re
import shutil
import typing
from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_dip as dip
from napari_dip import presets
from napari_dip.cli import main
from napari_dip.engine.components import Component, check
from napari_dip.engine.presets import PRESETS
from napari_dip.images.files import Description, read, write
from napari_dip.images.noise import Noise
from napari_dip.restoration import RECORDED
from napari_dip.unfinished import Unfinished

NOISY = np.random.default_rng(0).poisson(30, (3, 16, 16)).astype("uint16")
QUICK = {
    "iterations": 1,
    "device": "cpu",
    "precision": "float32",
    "correction": "none",
    "network": {"name": "subpixel", "channels": [4]},
    "finish": 0,
}
DEEP = "[" * 50_000 + "]" * 50_000


class Harm:
    """What a pickle may do to whoever opens it."""

    def __reduce__(self):
        return os.mkdir, ("harm",)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    assert not (tmp_path / "harm").exists()


# -------------------------------------------------------------------------------------------------- settings


@pytest.mark.parametrize(
    "change",
    [
        {"tv": float("nan")},
        {"tv": float("inf")},
        {"tv": "8"},
        {"tv": [8]},
        {"averaging": True},
        {"seconds": float("nan")},
        {"seconds": {}},
        {"seed": 2**64},
        {"iterations": 1e30},
        {"device": 3},
        {"precision": ["float32"]},
        {"correction": {"name": "none"}},
        {"network": {"name": ["hourglass"]}},
        {"network": {"channels": []}},
        {"network": {"channels": [10**9]}},
        {"network": {"channels": [8] * 17}},
        {"network": {"channels": [[8]]}},
        {"network": {"channels": 8}},
        {"network": {"padding": "circular"}},
        {"network": {"skip": True}},
        {"network": {"bias": 1, "name": "hourglass"}},
        {"input": {"perturbation": -0.1}},
        {"input": {"channels": 10**6}},
        {"input": {"name": "coordinates", "frequencies": 64}},
        {"optimiser": {"rate": float("nan")}},
        {"likelihood": {"name": "huber", "delta": 0}},
        {"stopping": {"every": 0}},
        {"stopping": {"fraction": 1.5}},
        {"stopping": {"guard": 10**6}},
        {"stopping": {"name": "rounding", "left": 0}},
        {"stopping": json.loads("[" * 200 + "]" * 200)},
        {"__class__": "os"},
        {"network": {"__class__": "os"}},
    ],
    ids=str,
)
def test_a_setting_of_the_wrong_kind_or_size_is_refused_in_a_sentence(change):
    with pytest.raises((TypeError, ValueError)) as caught:
        PRESETS["denoise"]["fast"].changed(**change)
    said = str(caught.value)
    assert said.endswith(".") and len(said) < 400 and "\n" not in said


def test_every_preset_is_what_its_types_say_and_numbers_of_numpy_are_taken():
    for kind in PRESETS.values():
        for settings in kind.values():
            check(settings)
    changed = PRESETS["denoise"]["fast"].changed(tv=np.float32(2), optimiser={"rate": np.float64(0.5)})
    assert json.loads(json.dumps(changed.to_dict()))["tv"] == 2


def parts(kind=Component):
    for part in kind.__subclasses__():
        if part.__module__.startswith("napari_dip."):  # other tests have made some of their own
            yield part
        yield from parts(part)


def test_every_number_of_every_part_says_how_large_it_may_be():
    for part in parts():
        hints = typing.get_type_hints(part, include_extras=True)
        for field in dataclasses.fields(part):
            numbers = re.findall(r"\b(?:int|float)\b", str(hints[field.name]).replace("class ", ""))
            assert str(hints[field.name]).count("Range(") >= len(numbers), f"{part.__name__}.{field.name}"
        assert "__post_init__" not in vars(part) or "super().__post_init__()" in inspect.getsource(part)


@pytest.mark.parametrize(
    "noise",
    [{}, {"gain": -1}, {"gain": float("nan")}, {"correlation": 3}, {"correlation": [[0.1] * 99]}, {"x": 1}],
    ids=str,
)
def test_noise_that_is_none_is_refused(noise):
    whole = {"gain": 1.0, "offset": 0.0, "read_noise": 1.0, "correlation": []}
    assert Noise.from_dict(whole).gain == 1
    with pytest.raises(ValueError, match="noise as a dict must have"):
        Noise.from_dict(whole | noise if noise else noise)


@pytest.mark.parametrize(
    ("shape", "axes", "lists"), [((8, 8), "Y, X", 1), ((8, 8), "Y, X", 3), ((4, 8, 8), "Z, Y, X", 2)]
)
def test_noise_whose_correlation_is_of_other_axes_is_refused(shape, axes, lists):
    noise = {"gain": 0.0, "offset": 0.0, "read_noise": 1.0, "correlation": [[0.5, 0.1]] * lists}
    with pytest.raises(ValueError, match=f"each of the axes {axes}, or be empty, but has {lists}"):
        dip.denoise(np.zeros(shape, np.float32), axes=axes.replace(", ", ""), noise=noise)


@pytest.mark.parametrize(
    ("psf", "sentence"),
    [
        ({"name": "measured", "shape": [3, 3], "float32": "!"}, "must have odd sizes"),
        ({"name": "measured", "shape": [3, 3], "float32": "AAAA"}, "must have odd sizes"),
        ({"name": "measured", "shape": [3, 3]}, "needs float32"),
        ({"pixel_size": 1e-6}, "points, as its pixel_size"),
        ({"pixel_size": float("nan")}, "pixel_size"),
        ({"fwhm": [900.0] * 3}, "points, as its fwhm"),
        ({"numerical_aperture": "1.4"}, "numerical_aperture"),
    ],
)
def test_a_psf_that_is_none_is_refused(psf, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        dip.deconvolve(
            NOISY if "fwhm" in psf else NOISY[0], psf, axes="ZYX" if "fwhm" in psf else "YX", **QUICK
        )


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (DEEP, "nested so deeply"),
        ('{"settings": ' + DEEP + "}", "nested so deeply"),
        ("[]", "has no settings"),
        ('{"settings": []}', "has no settings"),
        ('{"task": ["denoise"]}', "are to "),
        ('{"out": "/etc/passwd"}', "no setting of denoise: 'out'"),
        ('{"image": "b.tif"}', "no setting of denoise: 'image'"),
        ('{"guide": "../secret.tif"}', "Say it with --guide"),
        ('{"callback": "os.mkdir"}', "no setting of denoise: 'callback'"),
        ('{"preset": "../../mine"}', "'../../mine' does not exist"),
        ('{"tv": NaN}', "tv must be a number"),
        ('{"seed": 1' + "0" * 5000 + "}", "is not JSON"),
        ('{"\\u001b[31m": 1}', "no setting of denoise: '"),
    ],
    ids=lambda value: value[:30],
)
def test_a_file_of_settings_is_checked_before_anything_is_done(here, capsys, text, sentence):
    write(here / "a.ome.tif", NOISY, Description.plain("TYX"))
    (here / "s.json").write_text(text)
    assert main(["denoise", "a.ome.tif", "--settings", "s.json"]) == 2
    said = capsys.readouterr().err
    assert sentence in said and said.count("\n") == 1 and "\x1b" not in said
    assert sorted(os.listdir(here)) == ["a.ome.tif", "s.json"]


def test_a_psf_that_a_file_of_settings_names_is_not_read(here, capsys):
    (here / "s.json").write_text('{"psf": "../secret.tif"}')
    assert main(["deconvolve", "a.ome.tif", "--settings", "s.json"]) == 2
    assert "Say it with --psf" in capsys.readouterr().err


@pytest.mark.parametrize(
    "settings",
    [DEEP, '{"warm": "no"}', '{"detail": 1e9}', '{"preset": {}}', '{"out": "x"}', '{"tv": Infinity}'],
    ids=lambda text: text[:20],
)
def test_a_preset_of_a_stranger_is_checked(here, monkeypatch, settings):
    monkeypatch.setattr(presets, "folder", lambda: here / "presets")
    (here / "presets" / "denoise").mkdir(parents=True)
    (here / "presets" / "denoise" / "odd.json").write_text(f'{{"settings": {settings}}}')
    with pytest.raises(ValueError, match=r"your preset 'odd' .* can't be used"):
        dip.denoise(NOISY, preset="odd")
    for name in ("../denoise/odd", "odd.json", str(here / "presets" / "denoise" / "odd")):
        with pytest.raises(ValueError, match="does not exist"):
            dip.denoise(NOISY, preset=name)


# ---------------------------------------------------------------------------------------------------- images


@pytest.mark.parametrize(
    "said",
    [
        {"dtype": "|O", "filters": [{"id": "vlen-bytes"}], "compressor": {"id": "pickle", "protocol": 5}},
        {"dtype": "|O", "filters": [{"id": "vlen-utf8"}, {"id": "pickle", "protocol": 5}]},
        {"dtype": "<f4", "filters": [{"id": "pickle", "protocol": 5}]},
        {"dtype": "|S4"},
    ],
)
def test_objects_in_a_zarr_folder_are_not_unpacked(here, said):
    folder = here / "a.zarr"
    folder.mkdir()
    plain = {"zarr_format": 2, "shape": [4, 4], "chunks": [4, 4], "order": "C", "fill_value": None}
    (folder / ".zarray").write_text(json.dumps(plain | {"compressor": None, "filters": None} | said))
    (folder / "0.0").write_bytes(pickle.dumps(Harm()))
    with pytest.raises(ValueError, match=r"images are of numbers|is no Zarr folder"):
        read(folder)


def changed_zarr(folder: Path, change) -> Path:
    """Return an OME-Zarr image whose metadata, and the array's, somebody has changed."""
    path = folder / "a.ome.zarr"
    write(path, NOISY, Description.plain("TYX"))
    group, array = (json.loads((path / place / "zarr.json").read_text()) for place in ("", "0"))
    change(group["attributes"], array)
    for place, said in (("", group), ("0", array)):
        (path / place / "zarr.json").write_text(json.dumps(said))
    return path


@pytest.mark.parametrize(
    "place", ["../secret.ome.zarr/0", "0/../../secret.ome.zarr/0", "..\\secret.ome.zarr"]
)
def test_an_ome_zarr_image_has_its_pixels_in_its_own_folder(here, place):
    write(here / "secret.ome.zarr", NOISY, Description.plain("TYX"))

    def elsewhere(attributes, array):
        attributes["ome"]["multiscales"][0]["datasets"][0]["path"] = place

    with pytest.raises(ValueError, match=r"metadata of .* can't be read"):
        read(changed_zarr(here, elsewhere))


def test_sizes_that_nothing_has_are_refused_or_unknown(here):
    def endless(attributes, array):
        array["shape"] = [10**9, 16, 16]

    with pytest.raises(ValueError, match=r"1,000,000,000 planes, .* can be read"):
        read(changed_zarr(here, endless))
    shutil.rmtree(here / "a.ome.zarr")

    def nowhere(attributes, array):
        steps = attributes["ome"]["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]
        steps["scale"] = [float("inf"), float("nan"), 0.0]
        attributes["napari_dip"] = DEEP[:3]

    _, said = read(changed_zarr(here, nowhere))
    assert said.scale == (1.0, 1.0, 1.0) and said.record is None


def ome_tiff(path: Path, xml: str) -> Path:
    """Write an OME-TIFF file with this description."""
    tifffile.imwrite(path, NOISY[0], description=xml.encode(), metadata=None)
    return path


OME = (
    '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
    '<Pixels ID="Pixels:0" DimensionOrder="XYZTC" Type="uint16" SizeX="16" SizeY="16" SizeZ="2" SizeT="1" '
    'SizeC="1" {pixels}>'
    '<Channel ID="Channel:0:0" SamplesPerPixel="1"/>{data}</Pixels></Image></OME>'
)


@pytest.mark.parametrize(
    "name", ["../secret.tif", "/etc/secret.tif", "\\\\host\\share\\a.tif", "C:a.tif", ".."]
)
def test_an_ome_tiff_file_has_its_pixels_in_its_own_folder(here, name):
    tifffile.imwrite(here / "secret.tif", NOISY[1])
    (here / "in").mkdir()
    data = '<TiffData IFD="0" FirstZ="{}"><UUID FileName="{}">urn:uuid:{}</UUID></TiffData>'
    xml = OME.format(pixels="", data=data.format(0, "a.ome.tif", 0) + data.format(1, name, 1))
    with pytest.raises(OSError, match="which is not in its folder"):
        read(ome_tiff(here / "in" / "a.ome.tif", xml))


def test_pixel_sizes_that_are_none_are_unknown(here):
    sizes = 'PhysicalSizeX="NaN" PhysicalSizeY="wide"'
    _, said = read(ome_tiff(here / "a.ome.tif", OME.format(pixels=sizes, data="<TiffData/>")))
    assert set(said.scale) == {1.0} and set(said.translate) == {0.0}


def test_xml_that_grows_or_reads_files_is_refused(here):
    (here / "secret.txt").write_text("secret")
    inner = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 50}">' for n in range(1, 9))
    bomb = f'<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY a0 "{"x" * 50}">{inner}]>'
    spy = '<?xml version="1.0"?><!DOCTYPE OME [<!ENTITY a8 SYSTEM "secret.txt">]>'
    for start in (bomb, spy):
        xml = start + OME.format(pixels="", data="<TiffData/>").replace(
            'ID="Image:0"', 'ID="Image:0" Name="&a8;"'
        )
        with pytest.raises(OSError, match="can't be read"):
            read(ome_tiff(here / "a.ome.tif", xml))


def test_a_picture_is_decoded_as_what_it_is(here):
    from PIL import Image

    Image.fromarray(NOISY[0].astype("uint8")).save(here / "a.npy", format="PNG")  # whatever it is called
    assert read(here / "a.npy")[0].shape == (16, 16)
    (here / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n" + pickle.dumps(Harm()))
    with pytest.raises(OSError, match="damaged or cut off"):
        read(here / "b.png")


@pytest.mark.parametrize("name", ["http://localhost/a.tif", "s3://bucket/a.zarr", "file:///etc/passwd"])
def test_images_are_read_from_this_computer_only(name, capsys):
    with pytest.raises(FileNotFoundError, match="local files only"):
        read(name)
    assert main(["denoise", name]) == 1
    assert "no such file" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------- a result


@pytest.fixture(scope="module")
def killed(tmp_path_factory):
    """What a run leaves behind that was killed when a plane was done."""
    out = tmp_path_factory.mktemp("killed") / "a.ome.zarr"
    with pytest.raises(Killed):
        dip.denoise(NOISY, out=out, callback=stop_in_the_second, **QUICK)
    return out


@pytest.fixture
def begun(killed, here):
    """A result that is not finished, as it was left or sent by somebody."""
    shutil.copytree(killed.parent, here / "out")
    return here / "out" / killed.name


class Killed(Exception):
    pass


def stop_in_the_second(step):
    if step.run == 1:
        raise Killed


def journal_of(out: Path) -> tuple[Path, list[dict]]:
    path = out.with_name(f"{out.name}.unfinished") / "journal.jsonl"
    return path, [json.loads(line) for line in path.read_text().splitlines()]


ROW = dict.fromkeys(RECORDED, 1)


@pytest.mark.parametrize(
    "change",
    [
        {"starts": {"0": "../../precious.npz"}},
        {"starts": {"0": "start-1.npz/../../../precious.npz"}},
        {"starts": {"0": 3}},
        {"place": ["../x"]},
        {"place": [-1]},
        {"past": {"0": {"rows": [{"iteration": {}}], "residual": None, "noise": None, "ended": None}}},
        {"past": {"0": {"rows": 3, "residual": None, "noise": None, "ended": None}}},
        {"past": {"0": {"rows": [], "residual": "x", "noise": None, "ended": None}}},
        {"past": {"0": {"rows": [], "residual": 1.0, "noise": None, "ended": None}}},
        {"past": {"0": {"rows": [ROW], "residual": 1.0, "noise": None, "ended": 3}}},
    ],
    ids=str,
)
def test_a_journal_leads_to_no_other_file(begun, here, change):
    (here / "precious.npz").write_bytes(b"mine")
    path, lines = journal_of(begun)
    path.write_text("".join(json.dumps(line) + "\n" for line in (lines[0], lines[1] | change)))
    with pytest.raises(ValueError, match="is not what this version of napari-dip writes"):
        dip.denoise(NOISY, out=begun, **QUICK)
    assert (here / "precious.npz").read_bytes() == b"mine"


def test_settings_in_a_journal_are_checked(begun):
    path, lines = journal_of(begun)
    for settings in ({"tile": "x"}, {"device": 3}, {"tile": 0}):
        first = lines[0] | {"settings": lines[0]["settings"] | settings}
        path.write_text("".join(json.dumps(line) + "\n" for line in (first, lines[1])))
        with pytest.raises(ValueError, match="is not what this version"):
            dip.denoise(NOISY, out=begun, **QUICK)
    for first in (json.dumps(lines[0] | {"asked": ["tv"]}), f'{{"asked": {DEEP}}}'):
        path.write_text(f"{first}\n{json.dumps(lines[1])}\n")
        with pytest.raises(ValueError, match="is not what this version"):
            dip.denoise(NOISY, out=begun, **QUICK)


def test_the_weights_of_a_stranger_are_numbers_or_refused(begun):
    folder = begun.with_name(f"{begun.name}.unfinished")
    (start,) = folder.glob("start-*.npz")
    strange = (
        lambda: np.savez_compressed(start, prediction=np.zeros((1, 1, 2000, 2000), "float32")),
        lambda: np.savez(start, prediction=np.array([Harm()], dtype=object), allow_pickle=True),
        lambda: np.savez(start, prediction=np.array(["text"])),
        lambda: start.write_bytes(pickle.dumps(Harm())),
        lambda: start.write_bytes(b"PK"),
    )
    for write_it in strange:
        write_it()
        with pytest.raises(ValueError, match=re.escape(f"{start.name} is damaged")):
            dip.denoise(NOISY, out=begun, **QUICK)
    start.unlink()
    assert dip.denoise(NOISY, out=begun, **QUICK).image.shape == NOISY.shape


@pytest.mark.skipif(os.name == "nt", reason="links are for administrators there")
@pytest.mark.parametrize(
    "place", ["", "image.ome.zarr", "image.ome.zarr/0", "image.ome.zarr/0/c", "journal.jsonl"]
)
def test_nothing_is_written_through_a_link(begun, here, place):
    folder = begun.with_name(f"{begun.name}.unfinished")
    linked = folder / place if place else folder
    linked.rename(here / "elsewhere")
    linked.symlink_to(here / "elsewhere")
    before = sorted(path.name for path in (here / "elsewhere").rglob("*"))
    with pytest.raises(ValueError, match="is a link to another place"):
        dip.denoise(NOISY, out=begun, **QUICK)
    assert sorted(path.name for path in (here / "elsewhere").rglob("*")) == before
    assert not begun.exists()


def test_a_result_that_is_a_link_to_nowhere_is_not_written_through(here):
    if os.name == "nt":
        pytest.skip("links are for administrators there")
    (here / "a.ome.tif").symlink_to(here / "elsewhere.tif")
    with pytest.raises(OSError, match="exists already"):
        Unfinished(here / "a.ome.tif", {}, Description.plain("YX"))


def test_a_record_that_is_none_of_ours_is_shown_as_far_as_it_goes(here, capsys):
    record = {"task": "denoise", "settings": "fast", "residual": "none", "noise": 2.5}
    write(here / "a.ome.zarr", NOISY, dataclasses.replace(Description.plain("TYX"), record=record))
    assert main(["info", "a.ome.zarr"]) == 0
    assert "denoise, preset ?" in (told := capsys.readouterr().out) and "noise 2.5" in told


def test_what_a_file_calls_itself_is_no_order_to_a_terminal(here, capsys):
    said = Description("CYX", (1.0,) * 3, (0.0,) * 3, ("",) * 3, ("\x1b]0;mine\x07", "b", "c"))
    write(here / "a\x1b[2J.ome.zarr", NOISY, said)
    assert main(["info", "a\x1b[2J.ome.zarr", "gone\x1b[2J.tif"]) == 1
    told = capsys.readouterr()
    assert "\x1b" not in told.out + told.err and "mine" in told.out
