"""Read an image file as a person sees it: upright, on white where it is transparent; or refuse it.

With ``user``, the only module that ``loaders`` and ``zoo`` share. Colour profiles are not applied.
"""

import contextlib
import warnings

NEW_SUBFILE_TYPE, REDUCED = 254, 1  # TIFF's tag, and its bit of a preview
DNG_VERSION = 50706


@contextlib.contextmanager
def reading():
    """Where images are read: Pillow's warnings, of large images or damaged EXIF, are not shown, and raise nowhere.

    A function for the thread that starts all others, since filters of warnings belong to the process.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def image(file, mode):
    """An image as a person sees it: PIL.Image of the mode "L" or "RGB"; of an animation the first frame.

    Args:
        file: path, or a file opened to read bytes.
        mode: "L" or "RGB".

    Raises:
        ValueError: it cannot be read, or not as it looks; the message says why in one line.
    """
    try:
        return _image(file, mode)
    except Exception as error:  # Pillow may raise anything for a damaged image
        raise ValueError(_reason(error)) from error


def _image(file, mode):
    from PIL import Image, ImageOps

    Image.init()
    formats = [name for name in Image.ID if name != "EPS"]  # for which Pillow starts Ghostscript
    with Image.open(file, formats=formats) as opened:
        if why := _unlike(opened):
            raise ValueError(why)
        upright = ImageOps.exif_transpose(opened)
        if upright.has_transparency_data:
            upright = upright.convert("RGBA")
            if upright.getextrema()[3][1] == 0:  # as where the fourth byte of a pixel is unused
                raise ValueError("all its pixels are transparent")
            upright = Image.alpha_composite(Image.new("RGBA", upright.size, "white"), upright)
        return upright.convert(mode)


def _unlike(opened):
    """Why Pillow would read an image otherwise than it looks, as text; None where it would not."""
    if opened.mode[0] in "IF":
        return f"its pixels have more than 8 bits, mode {opened.mode}"
    if opened.format == "PNG" and opened.mode in ("L", "RGB") and "transparency" in opened.info and opened.tile[0][3] != opened.mode:
        return "one of its colours is transparent, and its pixels have not 8 bits"  # Pillow changes the pixels, not that colour
    tags = getattr(opened, "tag_v2", {})
    if DNG_VERSION in tags or tags.get(NEW_SUBFILE_TYPE, 0) & REDUCED:
        return "its first image is a preview, as in raw files of cameras"
    return None


def _reason(error):
    from PIL import Image, UnidentifiedImageError

    if isinstance(error, UnidentifiedImageError):
        return "it is damaged, or of a format that Pillow cannot read"
    if isinstance(error, Image.DecompressionBombError):
        return f"it has more than {2 * Image.MAX_IMAGE_PIXELS} pixels"
    return getattr(error, "strerror", None) or next(iter(str(error).splitlines()), type(error).__name__)
