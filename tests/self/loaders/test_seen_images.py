"""A user's own images are read upright, on white, and in the table's size and channels; or refused."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

import loaders
from loaders import seen

pytestmark = [pytest.mark.self, pytest.mark.usefixtures("bare_home")]
ORIENTATION = 0x0112  # EXIF's tag
GREY = np.repeat(np.arange(0, 240, 10, dtype="uint8").reshape(4, 6), 8, 0).repeat(8, 1)  # 32x48, each corner another
RED, WHITE = (200, 0, 0), (255, 255, 255)


@pytest.fixture
def read(tmp_path):
    """A function that saves an image as the only training image, and returns its pixels as they are read."""

    def read_back(image, name="image.png", shape=None, resize=None, **saving):
        for path in tmp_path / "train" / "cat" / name, tmp_path / "test" / "cat" / name:
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path, **saving)
        shape = shape or (image.height, image.width, 3)
        return loaders.load(loaders.Own("image_folder", str(tmp_path), shape, 1, None, resize)).x_train[0]

    return read_back


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(("name", "saving"), [("image.jpg", {"quality": 95}), ("image.png", {}), ("image.tif", {})])
def test_an_image_that_is_stored_turned_is_read_upright(read, orientation, name, saving):
    stored = {
        1: GREY,
        2: GREY[:, ::-1],
        3: GREY[::-1, ::-1],
        4: GREY[::-1],
        5: GREY.T,
        6: GREY.T[::-1],
        7: GREY.T[::-1, ::-1],
        8: GREY.T[:, ::-1],
    }
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    pixels = read(Image.fromarray(np.ascontiguousarray(stored[orientation])), name, (32, 48, 1), exif=exif, **saving)
    assert np.abs(GREY.astype(int) - pixels[..., 0]).max() <= 3


def test_an_image_without_a_valid_orientation_is_not_turned(read):
    exif = Image.Exif()
    exif[ORIENTATION] = 9
    assert (GREY == read(Image.fromarray(GREY), shape=(32, 48, 1), exif=exif)[..., 0]).all()
    assert (
        np.abs(GREY.astype(int) - read(Image.fromarray(GREY), "image.jpg", (32, 48, 1), exif=b"Exif\0\0no EXIF at all")[..., 0]).max() <= 6
    )


@pytest.mark.parametrize("name", ["image.png", "image.webp", "image.tif"])
def test_transparent_pixels_become_white(read, name):
    image = Image.new("RGBA", (3, 1))
    image.putdata([(*RED, 255), (*RED, 0), (*RED, 128)])
    pixels = read(image, name, **({"lossless": True, "exact": True} if name == "image.webp" else {}))
    assert [RED, WHITE] == [tuple(pixel) for pixel in pixels[0, :2].tolist()]
    assert [255 - 128 / 255 * 55, 255 - 128, 255 - 128] == pytest.approx(pixels[0, 2].tolist(), abs=1)


def test_transparent_grey_becomes_white(read):
    image = Image.new("LA", (3, 1))
    image.putdata([(50, 255), (50, 0), (50, 128)])
    assert [50, 255, 152] == pytest.approx(read(image, shape=(1, 3, 1))[0, :, 0].tolist(), abs=1)
    keyed = Image.new("L", (2, 1))
    keyed.putdata([7, 8])
    assert [255, 8] == read(keyed, shape=(1, 2, 1), transparency=7)[0, :, 0].tolist()


@pytest.mark.parametrize("name", ["image.gif", "image.png"])
def test_a_palettes_colours_are_read_and_its_transparent_one_is_white(read, name):
    image = Image.new("P", (3, 1))
    image.putpalette([0, 0, 0, *RED, 0, 200, 0])
    image.putdata([0, 1, 2])
    assert [[(0, 0, 0), RED, (0, 200, 0)]] == [[tuple(pixel) for pixel in row] for row in read(image, name).tolist()]
    assert [[WHITE, RED, (0, 200, 0)]] == [[tuple(pixel) for pixel in row] for row in read(image, name, transparency=0).tolist()]


def test_an_animation_is_its_first_frame(read):
    frames = [Image.new("P", (2, 2), i) for i in (1, 2)]
    for frame in frames:
        frame.putpalette([0, 0, 0, *RED, 0, 200, 0])
    assert RED == tuple(read(frames[0], "image.gif", save_all=True, append_images=frames[1:])[0, 0])


def test_cmyk_becomes_rgb(read):
    pixels = read(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "image.jpg", quality=95)
    assert np.abs(pixels.astype(int) - (255, 0, 0)).max() <= 3


def test_an_image_gets_the_channels_of_the_table(read):
    assert [90] * 3 == read(Image.new("L", (1, 1), 90))[0, 0].tolist()
    assert [round(0.299 * 200 + 0.587 * 100)] == read(Image.new("RGB", (1, 1), (200, 100, 0)), shape=(1, 1, 1))[0, 0].tolist()
    assert [255] * 3 == read(Image.new("1", (1, 1), 1))[0, 0].tolist()


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_more_than_eight_bits_are_refused(read, mode):
    image = Image.fromarray(np.full((2, 2), 4000, "uint16")) if mode == "I;16" else Image.new(mode, (2, 2), 4000)
    with pytest.raises(
        loaders.DataError,
        match=r"cat/image.tif: cannot be read \(its pixels have more than 8 bits, mode .*\); save it again as 8-bit PNG or JPEG",
    ):
        read(image, "image.tif")
    if mode == "I;16":
        with pytest.raises(loaders.DataError, match=r"cat/image.png: cannot be read \(its pixels have more than 8 bits"):
            read(image)


def test_an_image_of_another_size_is_refused_with_what_to_write(read):
    with pytest.raises(
        loaders.DataError,
        match=r"train/cat/image.png: is 32 pixels high and 48 wide, its table says input = \[48, 32, 1\]; set resize = 'bilinear' or 'nearest' in its table, or resize the images",
    ):
        read(Image.fromarray(GREY), shape=(48, 32, 1))


def test_an_image_is_resized_as_the_table_says(read):
    image = Image.fromarray(np.array([[0, 100], [100, 200]], "uint8"))
    assert [[0, 0, 100, 100]] * 2 == read(image, shape=(4, 4, 1), resize="nearest")[:2, :, 0].tolist()
    assert [[0, 25, 75, 100], [25, 50, 100, 125]] == read(image, shape=(4, 4, 1), resize="bilinear")[:2, :, 0].tolist()
    assert [[[100]]] == read(image, shape=(1, 1, 1), resize="bilinear").tolist()
    assert [[0, 100], [100, 200]] == read(image, shape=(2, 2, 1), resize="bilinear")[..., 0].tolist()


def test_an_image_is_turned_before_its_size_is_checked(read):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    assert (32, 48, 3) == read(Image.fromarray(np.ascontiguousarray(GREY.T[::-1])), "image.jpg", (32, 48, 3), exif=exif).shape


# ---------------------------------------------------------------- files that Pillow would read otherwise than they look


def saved(image, name, **saving):
    out = io.BytesIO()
    image.save(out, name, **saving)
    return out.getvalue()


def png(depth, colour, row, *chunks):
    """A PNG file of one row, whose pixels have ``depth`` bits; Pillow writes only some of them."""
    width = 8 * len(row) // (depth * {0: 1, 2: 3}[colour])
    header = struct.pack(">IIBBBBB", width, 1, depth, colour, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(b"\0" + row)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )


COLOURED = Image.fromarray(np.random.RandomState(0).randint(0, 256, (40, 50, 3)).astype("uint8"))
CLEAR = Image.new("RGBA", (4, 4), (*RED, 0))
UNLIKE = {
    "a raw photo of a camera": (lambda: saved(COLOURED, "TIFF", tiffinfo={50706: b"\1\4\0\0"}), "its first image is a preview, as in raw files"),
    "a preview": (lambda: saved(COLOURED, "TIFF", tiffinfo={254: 1}), "its first image is a preview"),
    "an unused fourth byte": (lambda: saved(CLEAR, "TGA"), "all its pixels are transparent"),
    "nothing to see": (lambda: saved(CLEAR, "PNG"), "all its pixels are transparent"),
    "a transparent grey of two bits": (lambda: png(2, 0, b"\x1b", (b"tRNS", b"\0\1")), "one of its colours is transparent, and its pixels have not 8"),
    "a transparent colour of 16 bits": (lambda: png(16, 2, b"\x80\xff" * 3, (b"tRNS", b"\x80\xff" * 3)), "one of its colours is transparent"),
    "PostScript, for which Pillow starts a program": (lambda: saved(COLOURED, "EPS"), "of a format that Pillow cannot read"),
    "a web page": (lambda: b"<!DOCTYPE html><title>404</title>", "of a format that Pillow cannot read"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNLIKE)
def test_what_pillow_would_read_otherwise_than_it_looks_is_refused(kind):
    content, why = UNLIKE[kind]
    with pytest.raises(ValueError, match=why):
        seen.image(io.BytesIO(content()), "RGB")


def test_colours_of_16_bits_and_greys_of_fewer_than_8_are_read_as_they_look():
    assert [128, 64, 32] == np.asarray(seen.image(io.BytesIO(png(16, 2, b"\x80\xff\x40\xff\x20\xff")), "RGB")).ravel().tolist()
    assert [0, 85, 170, 255] == np.asarray(seen.image(io.BytesIO(png(2, 0, b"\x1b")), "L")).ravel().tolist()
    assert [0, 255] == np.asarray(seen.image(io.BytesIO(png(1, 0, b"\x0f")), "L"))[0, 3:5].tolist()


@pytest.mark.parametrize("name", ["JPEG", "JPEG progressive", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM", "TGA", "JPEG2000"])
def test_an_image_that_is_cut_short_is_refused(name):
    name, *saving = name.split()
    whole = saved(COLOURED, name, **dict.fromkeys(saving, True))
    for share in 0.3, 0.6, 0.9, 0.97:
        with pytest.raises(ValueError, match="."):
            seen.image(io.BytesIO(whole[: int(share * len(whole))]), "RGB")


def test_large_images_are_read_quietly_and_too_large_ones_refused(read, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", GREY.size // 2 + 1)
    assert (GREY == read(Image.fromarray(GREY), shape=(32, 48, 1))[..., 0]).all()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", GREY.size // 2 - 1)
    with pytest.raises(loaders.DataError, match=rf"image.png: cannot be read \(it has more than {GREY.size - 2} pixels\)"):
        read(Image.fromarray(GREY), "image.png", (32, 48, 1))


def test_a_damaged_exif_part_does_not_matter(read):
    exif = Image.Exif()
    exif[ORIENTATION], exif[271] = 1, "a camera" * 9  # 271: its maker
    pixels = read(Image.fromarray(GREY), "image.jpg", (32, 48, 1), exif=exif.tobytes()[:-30], quality=95)
    assert np.abs(GREY.astype(int) - pixels[..., 0]).max() <= 3
