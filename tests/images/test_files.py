"""What is written is what is read: numbers, axes, places, names and how the image was made."""

from __future__ import annotations

import json
import math
import os
import struct
import zlib
from dataclasses import replace

import dask.array as da
import numpy as np
import PIL.Image
import pytest
import tifffile
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from ome_zarr_models.v05.image import Image
from skimage.io import imsave

from napari_dip.images.files import Description, ZarrFile, is_path, kind_of, read, readable, stem_of, write

ZARR = ["bool", *(f"{s}int{b}" for s in ("", "u") for b in (8, 16, 32, 64)), "float16", "float32", "float64"]
TIFF = [*(f"{s}int{b}" for s in ("", "u") for b in (8, 16, 32)), "float32", "float64"]
RECORD = {"version": "0.1", "task": "denoise", "settings": {"seed": 0, "noise": None, "a < b & c": "µ\n"}}
SIZES = {"Y": 5, "X": 4, "C": 2, "S": 3}
BOTH = [
    "YX",
    "XY",
    "ZYX",
    "YXZ",
    "TYX",
    "CYX",
    "TZYX",
    "ZTYX",
    "TCZYX",
    "CTZYX",
    "ZYXCT",
    "QYX",
    "YXP",
    "TPZYX",
]
COLOURED = ["YXS", "YXC", "TYXS", "TZYXC", "ZTYXS"]
AXES = {
    ".ome.zarr": [*BOTH, *COLOURED],
    ".ome.tif": [*BOTH, *COLOURED, "CYXS", "PTZCYX", "QCYX", "CQYXS", "ZCTQYX", "PYXC"],
}
DTYPES = {
    ".ome.zarr": [
        "bool",
        *(f"{s}int{b}" for s in ("", "u") for b in (8, 16, 32, 64)),
        "float16",
        "float32",
        "float64",
    ],
    ".ome.tif": [*(f"{s}int{b}" for s in ("", "u") for b in (8, 16, 32)), "float32", "float64"],
}
SPACE = ["", "micrometer", "nanometer", "inch"]


def numbers(shape, dtype="uint16"):
    random = np.random.default_rng(math.prod(shape))
    if np.dtype(dtype).kind == "f":
        return random.normal(size=shape).astype(dtype)
    return random.integers(0, 2 if dtype == "bool" else 100, shape).astype(dtype)


@st.composite
def images(draw, ending):
    """An image of any axes that a kind of file can have, and what there is to say of it."""
    axes = draw(st.sampled_from(AXES[ending]))
    shape = [SIZES.get(letter) or draw(st.integers(1, 3)) for letter in axes]
    coloured = axes in COLOURED or axes == "PYXC"
    if coloured:
        shape[-1] = draw(st.sampled_from([3, 4]))
    scale, translate, units = [], [], []
    for letter in axes:
        said = letter in "TZYX"
        units.append(draw(st.sampled_from(SPACE if letter != "T" else ["second", "minute"])) if said else "")
        scale.append(draw(st.floats(1e-3, 1e3)) if said else 1.0)
        translate.append(draw(st.just(0.0) | st.floats(-1e3, 1e3)) if said else 0.0)
    description = Description(
        axes,
        tuple(scale),
        tuple(translate),
        tuple(units),
        ("DAPI", "GFP <1>") if "C" in axes and not coloured and draw(st.booleans()) else (),
        draw(st.sampled_from(["", 'cell "3" & µ'])),
        draw(st.sampled_from([None, RECORD])),
    )
    return numbers(shape, draw(st.sampled_from(DTYPES[ending]))), description


@pytest.mark.parametrize("ending", AXES)
@given(data=st.data(), lazily=st.booleans())
@settings(max_examples=30, deadline=None)
def test_what_is_written_is_what_is_read(ending, data, lazily, tmp_path_factory):
    image, description = data.draw(images(ending))
    path = tmp_path_factory.mktemp("written") / f"cell{ending}"
    write(path, da.from_array(image, chunks=2) if lazily else image, description)
    again, said = read(path)
    assert said == description
    assert again.dtype == image.dtype
    np.testing.assert_array_equal(again, image)
    whole = [letter in "YXS" or a == description.colours(image.shape) for a, letter in enumerate(said.axes)]
    assert again.chunks == tuple((n,) if w else (1,) * n for n, w in zip(image.shape, whole, strict=True))
    assert os.listdir(path.parent) == [path.name]
    if ending == ".ome.zarr":
        Image.from_zarr(zarr.open_group(path, mode="r"))


@pytest.mark.parametrize("axes", ["ZTYX", "YXS", "ZYXC", "YX"])
def test_a_zarr_file_takes_parts_in_the_order_of_its_axes(axes, tmp_path):
    image = numbers([{"S": 3, "C": 4}.get(letter, 5) for letter in axes])
    path = tmp_path / "cell.zarr"
    description = replace(Description.plain(axes, "cell"), scale=tuple(range(1, 1 + len(axes))))
    file = ZarrFile.create(path, image.shape, image.dtype, description)
    np.testing.assert_array_equal(read(path)[0], np.zeros_like(image))
    where = tuple(slice(1, 3) if letter in "YX" else slice(None) if letter in "SC" else 2 for letter in axes)
    file.array[where] = image[where]
    again = ZarrFile.open(path)
    assert again.description == file.description == description
    assert again.array.shape == image.shape
    np.testing.assert_array_equal(again.array[where], image[where])
    for one in (..., 1, (1, ...), (..., 1), np.s_[1:, ..., 0], np.s_[:, 2]):
        again.array[one] = image[one]
        np.testing.assert_array_equal(again.array[one], image[one])
    again.array[...] = 7
    assert (np.asarray(again.array[...]) == 7).all()
    again.array[...] = image
    again.finish(RECORD)
    assert zarr.open_group(path, mode="r").attrs["napari_dip"] == RECORD
    array, said = read(path)
    np.testing.assert_array_equal(array, image)
    assert said == replace(description, record=RECORD)


def test_chunks_of_large_planes_are_parts_of_them(tmp_path):
    file = ZarrFile.create(tmp_path / "large.zarr", (2, 3000, 1500), "uint8", Description.plain("ZYX"))
    assert file.array.chunks == (1, 1024, 1024)
    assert read(file.path)[0].chunks == ((1, 1), (3000,), (1500,))
    with pytest.raises(FileExistsError, match="is there already"):
        ZarrFile.create(file.path, (2, 2), "uint8", Description.plain("YX"))


def test_others_find_what_ome_says_in_the_files(tmp_path):
    image = numbers((2, 2, 3, 5, 4))
    description = Description(
        "TCZYX",
        (3.0, 1.0, 0.5, 0.1, 0.2),
        (0.0, 0.0, 7.0, 8.0, 9.0),
        ("second", "", "micrometer", "micrometer", "nanometer"),
        ("DAPI", "GFP"),
        "cell",
        RECORD,
    )
    write(tmp_path / "cell.ome.zarr", image, description)
    stated = Image.from_zarr(zarr.open_group(tmp_path / "cell.ome.zarr", mode="r")).ome_attributes
    (multiscale,) = stated.multiscales
    assert [(axis.name, axis.type, axis.unit) for axis in multiscale.axes][1:3] == [
        ("c", "channel", None),
        ("z", "space", "micrometer"),
    ]
    scale, translation = multiscale.datasets[0].coordinateTransformations
    assert scale.scale == list(description.scale)
    assert translation.translation == list(description.translate)
    assert [channel["label"] for channel in stated.model_dump()["omero"]["channels"]] == ["DAPI", "GFP"]

    write(tmp_path / "cell.ome.tif", image, description)
    with tifffile.TiffFile(tmp_path / "cell.ome.tif") as file:
        assert file.is_ome and not file.is_bigtiff
        assert file.series[0].axes == "TCZYX"
        stated = tifffile.xml2dict(file.ome_metadata)["OME"]
    pixels = stated["Image"]["Pixels"]
    assert stated["Image"]["Name"] == "cell"
    assert (pixels["PhysicalSizeX"], pixels["PhysicalSizeXUnit"], pixels["TimeIncrement"]) == (0.2, "nm", 3.0)
    assert [channel["Name"] for channel in pixels["Channel"]] == ["DAPI", "GFP"]
    assert [plane["PositionZ"] for plane in pixels["Plane"][:4]] == [7.0, 7.5, 8.0, 7.0]
    annotation = stated["StructuredAnnotations"]["CommentAnnotation"]
    assert json.loads(annotation["Value"])["record"] == RECORD


def test_an_ome_tiff_that_is_too_large_for_tiff_is_a_bigtiff(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_dip.images.ome_tiff.BIG", 0)
    image, path = numbers((3, 5, 4)), tmp_path / "cell.tif"
    write(path, zarr.array(image), Description.plain("ZYX"))
    with tifffile.TiffFile(path) as file:
        assert file.is_ome and file.is_bigtiff
    np.testing.assert_array_equal(read(path)[0], image)


def test_what_others_changed_in_a_file_does_not_stop_it_from_being_read(tmp_path):
    image = numbers((3, 5, 4))
    write(tmp_path / "cell.zarr", image, Description.plain("TYX"))
    attributes = zarr.open_group(tmp_path / "cell.zarr").attrs
    attributes["napari_dip"], attributes["napari_dip_axes"] = "odd", "XYZT"
    annotation = {"Namespace": "napari_dip", "Value": '{"axes": "XY", "record": 3}'}
    metadata = {"axes": "TYX", "CommentAnnotation": annotation}
    tifffile.imwrite(tmp_path / "cell.ome.tif", image, ome=True, photometric="minisblack", metadata=metadata)
    for name in ("cell.zarr", "cell.ome.tif"):
        array, said = read(tmp_path / name)
        np.testing.assert_array_equal(array, image)
        assert (said.axes, said.record) == ("TYX", None)


def test_colours_are_colours_for_others(tmp_path):
    image = numbers((2, 5, 4, 3), "uint8")
    for name in ("cell.ome.tif", "cell.ome.zarr"):
        write(tmp_path / name, image, Description.plain("ZYXC"))
    with tifffile.TiffFile(tmp_path / "cell.ome.tif") as file:
        assert (file.series[0].axes, file.pages[0].photometric.name) == ("ZYXS", "RGB")
    group = zarr.open_group(tmp_path / "cell.ome.zarr", mode="r")
    assert group["0"].metadata.dimension_names == ("c", "z", "y", "x")
    assert group["0"].chunks == (3, 1, 5, 4)


def test_ome_zarr_0_4_is_read(tmp_path):
    image = numbers((2, 3, 5, 4))
    group = zarr.create_group(tmp_path / "older.zarr", zarr_format=2)
    for level, step in enumerate((1, 2)):
        group.create_array(f"s{level}", data=image[..., ::step, ::step], chunks=(1, 2, 3, 4))
    axes = [
        {"name": "c", "type": "channel"},
        *({"name": n, "type": "space", "unit": "micrometer"} for n in "zyx"),
    ]
    levels = [
        {
            "path": f"s{level}",
            "coordinateTransformations": [
                {"type": "scale", "scale": [1, 2, step, step]},
                {"type": "translation", "translation": [0, 1, 0, 0]},
            ],
        }
        for level, step in enumerate((1, 2))
    ]
    whole = [{"type": "scale", "scale": [1, 10, 0.5, 0.5]}]
    group.attrs["multiscales"] = [
        {
            "version": "0.4",
            "axes": axes,
            "datasets": levels,
            "coordinateTransformations": whole,
            "name": "old",
        }
    ]
    window = {"min": 0, "max": 1, "start": 0, "end": 1}
    group.attrs["omero"] = {
        "channels": [{"label": label, "color": "FF0000", "window": window} for label in ("a", "b")]
    }
    array, said = read(tmp_path / "older.zarr")
    np.testing.assert_array_equal(array, image)
    assert (said.axes, said.scale, said.translate) == ("CZYX", (1, 20, 0.5, 0.5), (0, 10, 0, 0))
    assert said.units == ("", *["micrometer"] * 3)
    assert (said.channels, said.name, said.record) == (("a", "b"), "old", None)


def test_plain_zarr_arrays_are_read(tmp_path):
    image = numbers((3, 5, 4))
    zarr.create_array(tmp_path / "named", data=image, dimension_names=("z", "y", "x"))
    zarr.create_array(tmp_path / "unnamed", data=image, zarr_format=2)
    write(tmp_path / "cell.zarr", image, Description.plain("TYX"))
    for name, axes in (("named", "ZYX"), ("unnamed", "QYX"), ("cell.zarr/0", "TYX")):
        array, said = read(tmp_path / name)
        np.testing.assert_array_equal(array, image)
        assert said == Description.plain(axes, said.name)


SPELLINGS = ["um", "micron", "\u00b5m", "\u03bcm", r"\u00B5m", "micrometer"]


@pytest.mark.parametrize(
    ("ending", "name"),
    [
        (ending, name)
        for ending in (".tif", ".ome.tif")
        for name in SPELLINGS
        if "o" in ending or name.isascii()
    ],
)
def test_a_micrometer_is_one_however_it_is_spelled(ending, name, tmp_path):
    path, image = tmp_path / f"cell{ending}", numbers((5, 4))
    if ending == ".tif":
        metadata = {"axes": "YX", "unit": name}
        tifffile.imwrite(path, image, imagej=True, resolution=(10, 5), metadata=metadata)
    else:
        step = {"PhysicalSizeY": 0.2, "PhysicalSizeX": 0.1}
        units = {"PhysicalSizeYUnit": "XX", "PhysicalSizeXUnit": "XX"}
        tifffile.imwrite(path, image, metadata={"axes": "YX", **step, **units})
        text = tifffile.tiffcomment(path)
        tifffile.tiffcomment(path, text.replace("XX", name).encode())
    said = read(path)[1]
    assert (said.scale, said.units) == ((0.2, 0.1), ("micrometer",) * 2)
    again = tmp_path / "again.ome.tif"
    write(again, image, replace(said, units=(name,) * 2))
    assert read(again)[1].units == ("micrometer",) * 2


def test_opacity_of_a_grey_picture_and_its_orientation_are_left_out_with_a_word(tmp_path):
    grey = numbers((6, 5)).astype("uint8")
    PIL.Image.fromarray(np.dstack([grey, 255 - grey])).save(tmp_path / "a.png")
    with pytest.warns(UserWarning, match="a.png its opacity is left out"):
        array, said = read(tmp_path / "a.png")
    assert said.axes == "YX" and np.array_equal(np.asarray(array), grey)
    turned = PIL.Image.Exif()
    turned[0x0112] = 6
    PIL.Image.fromarray(grey).save(tmp_path / "b.png", exif=turned)
    with pytest.warns(UserWarning, match=r"b.png it is taken as it is stored.*\(orientation 6\)"):
        assert np.array_equal(np.asarray(read(tmp_path / "b.png")[0]), grey)


@pytest.mark.parametrize("compression", [None, "zlib", "lzw", "zstd", "packbits"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
def test_tiff_of_others_is_read(compression, byteorder, tmp_path):
    image, path = numbers((2, 3, 2, 5, 4)), tmp_path / "imagej.tif"
    tifffile.imwrite(
        path,
        image,
        imagej=True,
        byteorder=byteorder if compression else ">",
        compression=compression,
        resolution=(10, 5),
        metadata={"axes": "TZCYX", "spacing": 0.5, "unit": "um", "finterval": 2.0},
    )
    array, said = read(path)
    np.testing.assert_array_equal(array, image)
    assert (said.axes, said.scale) == ("TZCYX", (2, 0.5, 1, 0.2, 0.1))
    assert said.units == ("second", "micrometer", "", "micrometer", "micrometer")
    for name, shape, axes, how in (
        ("planar", (3, 5, 4), "YXS", {"photometric": "rgb", "planarconfig": "separate"}),
        ("colour", (2, 5, 4, 3), "QYXS", {"photometric": "rgb"}),
        ("stack", (6, 5, 4), "QYX", {"photometric": "minisblack", "metadata": None}),
        ("tiles", (6, 50, 40), "QYX", {"photometric": "minisblack", "tile": (16, 16)}),
    ):
        image, path = numbers(shape), tmp_path / f"{name}.tif"
        tifffile.imwrite(path, image, compression=compression, byteorder=byteorder, **how)
        array, said = read(path)
        np.testing.assert_array_equal(array, np.moveaxis(image, 0, -1) if name == "planar" else image)
        assert said == Description.plain(axes, name)
        assert len(array.chunks[0]) == (1 if name == "planar" else len(image))


def test_the_first_of_several_images_is_read_and_that_is_said(tmp_path):
    with tifffile.TiffWriter(tmp_path / "two.ome.tif", ome=True) as file:
        file.write(numbers((5, 4)))
        file.write(numbers((2, 5, 4)))
    with pytest.warns(UserWarning, match="holds 2 images; the first is read"):
        assert read(tmp_path / "two.ome.tif")[0].shape == (5, 4)


@pytest.mark.parametrize("ending", ["png", "jpg"])
@pytest.mark.parametrize("shape", [(50, 40), (50, 40, 3)])
def test_pictures_are_read(ending, shape, tmp_path):
    image = np.full(shape, 100, "uint8")
    imsave(tmp_path / f"cell.{ending}", image, check_contrast=False)
    array, said = read(tmp_path / f"cell.{ending}")
    np.testing.assert_array_equal(array, image)
    assert said == Description.plain("YXS"[: len(shape)], "cell")


# ------------------------------------------------------------------------------------------ what can't be


def test_pictures_of_any_colours_are_read_as_they_look(tmp_path):
    colours = PIL.Image.new("RGB", (16, 16), (200, 150, 0))
    colours.convert("CMYK").save(tmp_path / "a.jpg", quality=100)
    array = np.asarray(read(tmp_path / "a.jpg")[0])
    assert array.shape == (16, 16, 3) and np.abs(array[8, 8] - [200.0, 150, 0]).max() < 8
    palette = colours.quantize(4)
    palette.info["transparency"] = palette.getpixel((0, 0))
    palette.save(tmp_path / "a.png", transparency=palette.getpixel((0, 0)))
    assert np.asarray(read(tmp_path / "a.png")[0])[0, 0].tolist() == [200, 150, 0, 0]


def test_a_picture_that_would_lose_half_of_its_bits_is_refused(tmp_path):
    rows = b"".join(b"\0" + b"\1\2" * 12 for _ in range(4))
    parts = [
        (b"IHDR", struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    chunks = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in parts]
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(chunks))
    with pytest.raises(OSError, match="has 16 bits for each colour, of which half would be lost"):
        read(tmp_path / "a.png")


def test_a_damaged_plane_is_named_and_the_others_are_read(tmp_path):
    image = numbers((3, 2, 64, 64))
    write(tmp_path / "cell.zarr", image, Description.plain("TZYX"))
    chunk = tmp_path / "cell.zarr/0/c/1/1/0/0"
    packed = bytearray(chunk.read_bytes())
    for damaged in (packed[:100], b"", packed[:200] + b"\0\0\0\0" + packed[204:]):
        chunk.write_bytes(damaged)
        array, _ = read(tmp_path / "cell.zarr")
        with pytest.raises(
            OSError, match=r"the plane T 1, Z 1 of .*cell.zarr can't be read.*Copy the file"
        ) as e:
            array[1, 1].compute()
        assert e.value.__cause__ is not None
        np.testing.assert_array_equal(array[1, 0], image[1, 0])
    chunk.unlink()
    assert not array[1, 1].compute().any()


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("how", [{"ome": True}, {"imagej": True}])
def test_a_tiff_that_is_cut_off_is_refused(compression, how, tmp_path):
    image, path = numbers((3, 2, 64, 64)), tmp_path / "cell.tif"
    tifffile.imwrite(path, image, compression=compression, byteorder="<", metadata={"axes": "TZYX"}, **how)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 3 // 5])
    with pytest.raises(OSError, match=r"TIFF file .*cell.tif can't be read.*it ends after") as refused:
        read(path)
    assert refused.value.__cause__ is not None
    if "ome" in how:
        path.write_bytes(whole[:-50])
        with pytest.raises(OSError, match="it ends before its description"):
            read(path)
    elif compression is None:
        # Large files of ImageJ have one page that stands for all.
        end = 8 + 2 + 12 * int.from_bytes(whole[8:10], "little")
        path.write_bytes(whole[:end] + bytes(4) + whole[end + 4 : whole.index(b"ImageJ") + image.nbytes])
        with pytest.raises(OSError, match="it ends after less than the 6 planes"):
            read(path)


def test_a_damaged_page_of_a_tiff_is_named_and_the_others_are_read(tmp_path):
    image, path = numbers((3, 2, 64, 64)), tmp_path / "cell.tif"
    write(path, image, Description.plain("TZYX"))
    with tifffile.TiffFile(path) as file:
        start = file.pages[5].dataoffsets[0]
    whole = bytearray(path.read_bytes())
    whole[start + 100 : start + 200] = bytes(100)
    path.write_bytes(whole)
    array, _ = read(path)
    np.testing.assert_array_equal(array[2, 0], image[2, 0])
    with pytest.raises(OSError, match=r"the plane T 2, Z 1 of .*cell.tif can't be read.*Copy the file") as e:
        array[2, 1].compute()
    assert e.value.__cause__ is not None


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("cell.tif", b"II*\0", "TIFF file .* can't be read: it is damaged"),
        ("cell.png", b"\x89PNG\r\n\x1a\n1234", "the image .* can't be read: it is damaged"),
        ("cell.czi", b"ZISRAWFILE", "is not an image that can be read here"),
        ("empty.tif", b"", "is not an image that can be read here"),
    ],
)
def test_a_file_that_is_no_image_is_refused_in_a_sentence(name, content, sentence, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises((OSError, ValueError), match=sentence):
        read(tmp_path / name)


def test_a_folder_that_is_no_image_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="is no Zarr folder"):
        read(tmp_path)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        read("https://example.org/cell.zarr")
    plate = zarr.create_group(tmp_path / "plate.zarr")
    plate.create_group("A")
    with pytest.raises(ValueError, match=r"not an OME-Zarr image.*the folders in it: A"):
        read(tmp_path / "plate.zarr")
    plate.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": "zyx"}]}
    with pytest.raises(ValueError, match=r"OME-Zarr metadata of .* can't be read"):
        read(tmp_path / "plate.zarr")


@pytest.mark.parametrize("ending", [".ome.zarr", ".ome.tif"])
def test_nothing_is_overwritten_and_nothing_half_written_stays(ending, tmp_path):
    path = tmp_path / f"cell{ending}"
    write(path, numbers((5, 4)), Description.plain("YX"))
    with pytest.raises(FileExistsError, match="is there already and won't be overwritten"):
        write(path, numbers((2, 5, 4)), Description.plain("ZYX"))
    assert read(path)[0].shape == (5, 4)

    def fail(block):
        raise OSError("the disk is full")

    broken = da.ones((3, 5, 4), chunks=(1, 5, 4)).map_blocks(fail, meta=np.ones(()))
    with pytest.raises(OSError, match="the disk is full"):
        write(tmp_path / f"other{ending}", broken, Description.plain("ZYX"))
    assert os.listdir(tmp_path) == [path.name]
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        write(tmp_path / "nowhere" / f"cell{ending}", numbers((5, 4)), Description.plain("YX"))


@pytest.mark.parametrize(
    ("ending", "axes", "dtype", "sentence"),
    [
        (".ome.tif", "YX", "bool", "pixels of type bool can't be written to OME-TIFF.*Convert them"),
        (".ome.tif", "YX", "float16", "pixels of type float16 can't"),
        (".ome.tif", "YX", "int64", "pixels of type int64 can't"),
        (".ome.zarr", "YX", "datetime64[s]", "pixels of type .* can't be written to OME-Zarr"),
        (".ome.tif", "QQYX", "uint8", "axes 'QQYX' can't be written to OME-TIFF.*what each axis is"),
        (".ome.zarr", "CQYX", "uint8", "axes 'CQYX' can't be written to OME-Zarr.*what each axis is"),
        (".ome.zarr", "ZY", "uint8", "axes 'ZY' can't be"),
        (".ome.zarr", "ZYX", "uint8", r"shape \(2, 2\) was given with 3 axes"),
    ],
)
def test_what_a_kind_of_file_cannot_hold_is_refused_in_a_sentence(ending, axes, dtype, sentence, tmp_path):
    image = np.zeros((2,) * (2 if "shape" in sentence else len(axes)), dtype)
    with pytest.raises(ValueError, match=sentence):
        write(tmp_path / f"cell{ending}", image, Description.plain(axes))
    assert not os.listdir(tmp_path)


def test_a_place_that_ome_tiff_cannot_say_is_said(tmp_path):
    description = replace(Description.plain("QYX"), scale=(2.0, -1.0, 1.0))
    with pytest.warns(UserWarning, match=r"along Q \(step 2 , first at 0\) and Y .*won't"):
        write(tmp_path / "cell.ome.tif", numbers((2, 5, 4)), description)
    assert read(tmp_path / "cell.ome.tif")[1].scale == (1, 1, 1)


def test_a_name_of_any_characters_makes_a_readable_file(tmp_path):
    for ending in (".ome.zarr", ".ome.tif"):
        write(tmp_path / f"cell{ending}", numbers((5, 4)), Description.plain("YX", "a\0b\n'µ細胞"))
        assert read(tmp_path / f"cell{ending}")[1].name in ("a\0b\n'µ細胞", "ab'µ細胞")


def test_names_of_files():
    assert is_path("cell.tif") and not is_path(np.zeros(2))
    for name, kind in (("a.ome.zarr", "zarr"), ("A.ZARR", "zarr"), ("b.tif", "tiff"), ("b.ome.TIFF", "tiff")):
        assert kind_of(name) == kind
    assert kind_of("cell.PNG") == "png" and readable("cell.JPG") and not readable("cell.txt")
    assert [stem_of(n) for n in ("a/cell.ome.tif", "cell.v2.TIFF", "x.zarr", ".png", "notes.txt")] == [
        "cell",
        "cell.v2",
        "x",
        ".png",
        "notes.txt",
    ]
    with pytest.raises(ValueError, match=r"'cell.jpg' .* ends in one of .ome.zarr, .*.tiff, .png"):
        kind_of("cell.jpg")


@pytest.mark.parametrize(
    ("shape", "axes", "dtype"),
    [((5, 4), "YX", "uint8"), ((5, 4), "YX", "uint16"), ((5, 4, 3), "YXS", "uint8")],
)
def test_a_plane_is_written_as_png_with_how_it_was_made(shape, axes, dtype, tmp_path):
    image = numbers(shape, dtype)
    write(tmp_path / "cell.png", image, replace(Description.plain(axes), record=RECORD))
    array, said = read(tmp_path / "cell.png")
    np.testing.assert_array_equal(array, image)
    assert array.dtype == dtype and said == replace(Description.plain(axes, "cell"), record=RECORD)


@pytest.mark.parametrize(
    ("shape", "axes", "dtype", "sentence"),
    [
        ((2, 5, 4), "ZYX", "uint8", "axes 'ZYX' and shape .* has one plane"),
        ((5, 4), "XY", "uint8", "axes 'XY'"),
        ((5, 4), "YX", "float32", "type float32 can't be written to PNG, which has uint8, and uint16"),
        ((5, 4, 3), "YXS", "uint16", "uint16 without colours"),
    ],
)
def test_what_png_cannot_hold_is_refused_in_a_sentence(shape, axes, dtype, sentence, tmp_path):
    with pytest.raises(ValueError, match=sentence):
        write(tmp_path / "cell.png", numbers(shape, dtype), Description.plain(axes))
    assert os.listdir(tmp_path) == []
