"""One image: every kind is read alike, broken ones are refused in words."""

import io
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from keras_transfer.errors import ExampleError
from keras_transfer.inputs.image import decoders
from keras_transfer.inputs.image import reading as images
from tests.support.odd_images import (
    QUARTERS,
    STORED_TURNED,
    bomb_bytes,
    heic_bytes,
    make_odd_images,
    noise,
    png_bytes,
    quarter_colours,
    quarters,
    save_turned,
)

READ = {  # what make_odd_images calls it: how far a pixel may be from the drawing
    "plain PNG": 0,
    "PNG named .jpg": 0,
    "16-bit RGB PNG": 0,
    "WebP": 0,
    "animated WebP": 0,
    "TIFF": 0,
    "BMP": 0,
    "GIF": 8,
    "animated GIF": 8,
    "palette PNG": 8,
}
READ_LOSSY = (
    "plain JPEG",
    "progressive JPEG",
    "CMYK JPEG",
    "EXIF-rotated JPEG",
    "AVIF",
    "HEIC",
)
GREY = ("grey JPEG", "grey-alpha PNG", "one-bit PNG", "grey AVIF", "grey HEIC")
REFUSED = {  # what it is: the reason
    "truncated jpg": "cut short or damaged",
    "truncated png": "cut short or damaged",
    "truncated webp": "cut short or damaged",
    "truncated gif": "cut short or damaged",
    "truncated bmp": "cut short or damaged",
    "truncated tiff": "cut short or damaged",
    "truncated avif": "cut short or damaged",
    "truncated heic": "cut short or damaged",
    "empty file": "the file is empty",
    "text": "not an image (jpeg, png, bmp, gif, webp, tiff, avif, heic)",
    "30,000 x 30,000": "30000 x 30000 is over 200000000 pixels (--max-pixels)",
}
KINDS = {
    "jpeg": "JPEG",
    "png": "PNG",
    "bmp": "BMP",
    "gif": "GIF",
    "webp": "WEBP",
    "tiff": "TIFF",
    "avif": "AVIF",
    "heic": "HEIF",
}


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    return make_odd_images(tmp_path_factory.mktemp("odd"))


def encoded(pixels, kind, **options):
    if kind == "HEIF":
        return heic_bytes(Image.fromarray(pixels))
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("what", READ)
def test_kinds_that_keep_pixels_are_read_as_drawn(odd, what):
    pixels = images.read_image(odd[what])
    assert pixels.dtype == np.uint8
    assert pixels.shape == quarters().shape
    assert np.abs(pixels.astype(int) - quarters()).max() <= READ[what]


@pytest.mark.parametrize("what", READ_LOSSY)
def test_lossy_kinds_keep_the_colour_of_each_quarter(odd, what):
    expected = quarter_colours(quarters())
    found = quarter_colours(images.read_image(odd[what]))
    for quarter in QUARTERS:
        assert np.abs(found[quarter] - expected[quarter]).max() < 6, quarter


@pytest.mark.parametrize("what", ["16-bit grey PNG", "16-bit grey TIFF"])
def test_16_bit_grey_is_scaled_and_not_clipped(odd, what):
    pixels = images.read_image(odd[what])
    assert (pixels == quarters()[..., 1][..., None]).all()


@pytest.mark.parametrize("what", ["alpha PNG", "alpha WebP"])
def test_alpha_is_laid_on_white(odd, what):
    pixels = images.read_image(odd[what])
    half = pixels.shape[1] // 2
    assert (pixels[:, :half] == 255).all()
    assert (pixels[:, half:] == quarters()[:, half:]).all()


@pytest.mark.parametrize("what", ["alpha AVIF", "alpha HEIC"])
def test_alpha_of_lossy_kinds_is_laid_on_white(odd, what):
    found, expected = quarter_colours(images.read_image(odd[what])), quarter_colours(quarters())
    for row, column in QUARTERS:
        colour = expected[row, column] if column else np.full(3, 255)
        assert np.abs(found[row, column] - colour).max() < 6, (row, column)


def test_grey_images_have_three_equal_channels(odd):
    for what in GREY:
        pixels = images.read_image(odd[what])
        assert pixels.shape == quarters().shape
        assert (pixels == pixels[..., :1]).all()
    assert set(np.unique(images.read_image(odd["one-bit PNG"]))) == {0, 255}


@pytest.mark.parametrize("orientation", STORED_TURNED)
@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tiff", "avif", "heic"])
def test_exif_rotation_is_applied(tmp_path, orientation, ending):
    options = {} if ending in ("png", "tiff", "heic") else {"quality": 95}
    file = save_turned(tmp_path / f"turned.{ending}", orientation, **options)
    pixels = images.read_image(file)
    assert pixels.shape == quarters().shape
    expected, found = quarter_colours(quarters()), quarter_colours(pixels)
    for quarter in QUARTERS:
        assert np.abs(found[quarter] - expected[quarter]).max() < 6


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("what", REFUSED)
def test_broken_images_are_refused_in_words_and_in_silence(odd, what, capfd):
    with pytest.raises(ExampleError) as refusal:
        images.read_image(odd[what])
    assert str(refusal.value) == REFUSED[what]
    assert capfd.readouterr() == ("", "")


def test_every_odd_image_has_its_test(odd):
    alpha = {"alpha PNG", "alpha WebP", "alpha AVIF", "alpha HEIC"}
    tested = {*READ, *READ_LOSSY, *REFUSED, *GREY, *alpha, "16-bit grey PNG", "16-bit grey TIFF"}
    assert tested == set(odd)


def test_missing_file_and_folder_are_image_errors(tmp_path):
    for path in (tmp_path / "absent.jpg", tmp_path):
        with pytest.raises(ExampleError, match="cannot be opened"):
            images.read_image(path)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=40, deadline=None)
@given(share=st.floats(0, 0.999))
def test_no_truncated_image_is_read_half(kind, share):
    whole = encoded(quarters(), KINDS[kind])
    try:
        pixels = images.read_image(whole[: int(len(whole) * share)])
    except ExampleError:
        return
    assert (pixels == images.read_image(whole)).all()  # only an end mark was missing


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.9, 0.9999])
def test_big_truncated_jpegs_are_refused_in_silence(progressive, share, capfd):
    whole = encoded(noise(1300, 900), "JPEG", progressive=progressive)
    with pytest.raises(ExampleError, match="cut short"):
        images.read_image(whole[: int(len(whole) * share)])
    assert "JPEG" not in capfd.readouterr().err


def test_limit_of_pixels_holds_in_both_directions(tmp_path):
    data = png_bytes(quarters())
    assert images.read_image(data, max_pixels=96 * 64).shape == (64, 96, 3)
    with pytest.raises(ExampleError, match="96 x 64 is over 6143 pixels"):
        images.read_image(data, max_pixels=96 * 64 - 1)
    # Pillow's own limit lies lower than a limit that somebody may set; it must not answer first.
    with pytest.raises(ExampleError, match="cut short"):
        images.read_image(bomb_bytes(20_000, 10_000), max_pixels=10**9)
    assert Image.MAX_IMAGE_PIXELS is not None


FAST_CASES = {  # name: (encoded by, options)
    "baseline 4:4:4": ("JPEG", {"quality": 95, "subsampling": 0}),
    "baseline 4:2:0": ("JPEG", {"quality": 75, "subsampling": 2}),
    "progressive 4:2:2": ("JPEG", {"quality": 60, "subsampling": 1, "progressive": True}),
    "restart markers": ("JPEG", {"quality": 90, "restart_marker_rows": 1}),
    "stored as RGB": ("JPEG", {"quality": 90, "keep_rgb": True}),
    "png": ("PNG", {}),
}


@pytest.mark.parametrize("case", FAST_CASES)
@pytest.mark.parametrize("size", [(96, 64), (101, 67), (1, 1), (17, 300)])
@pytest.mark.parametrize("grey", [False, True])
def test_both_decoders_answer_bit_for_bit_alike(monkeypatch, case, size, grey):
    monkeypatch.setattr(decoders, "FAST_JPEG_PIXELS", 0)
    kind, options = FAST_CASES[case]
    pixels = noise(*size)
    if grey:
        options = {name: value for name, value in options.items() if name != "keep_rgb"}
    data = encoded(pixels[..., 0] if grey else pixels, kind, **options)
    image = decoders.open_image(data)
    fast = decoders.decode_fast(data, images.image_kind(data), image)
    expected = fast is not None or size == (1, 1)  # 1 x 1 is not above the limit
    assert expected or kind == "PNG"
    careful = decoders.decode_carefully(decoders.open_image(data))
    if fast is not None:
        assert (fast == careful).all()


def test_odd_images_are_read_alike_with_and_without_the_fast_decoders(odd, monkeypatch):
    monkeypatch.setattr(decoders, "FAST_JPEG_PIXELS", 0)
    fast = {what: images.read_image(path) for what, path in odd.items() if what not in REFUSED}
    monkeypatch.setattr(images, "decode_fast", lambda *_: None)
    for what, pixels in fast.items():
        assert (pixels == images.read_image(odd[what])).all(), what


@pytest.mark.parametrize("orientation", STORED_TURNED)
def test_big_jpegs_with_exif_take_the_fast_way_and_are_turned(tmp_path, monkeypatch, orientation):
    pixels = noise(1200, 900)
    file = save_turned(tmp_path / "big.jpg", orientation, pixels, quality=90)
    fast = images.read_image(file)
    assert (
        decoders.decode_fast(file.read_bytes(), "jpeg", decoders.open_image(file.read_bytes()))
        is not None
    )
    monkeypatch.setattr(images, "decode_fast", lambda *_: None)
    assert (fast == images.read_image(file)).all()
    assert fast.shape == pixels.shape


def test_pngs_with_transparency_or_exif_take_the_careful_way(tmp_path):
    clear = png_bytes(quarters(), chunks=[(b"tRNS", bytes((0, 1, 0, 2, 0, 3)))])
    assert decoders.decode_fast(clear, "png", decoders.open_image(clear)) is None
    turned = save_turned(tmp_path / "turned.png", 6).read_bytes()
    assert decoders.decode_fast(turned, "png", decoders.open_image(turned)) is None
    gamma = png_bytes(quarters(), chunks=[(b"gAMA", (45455).to_bytes(4, "big"))])
    assert (decoders.decode_fast(gamma, "png", None) == quarters()).all()


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_limit_of_pixels_holds_for_boxed_kinds_before_they_are_decoded(kind, monkeypatch):
    data = encoded(quarters(), kind)
    assert images.read_image(data, max_pixels=96 * 64).shape == (64, 96, 3)
    monkeypatch.setattr(images, "decode_carefully", lambda image: pytest.fail("was decoded"))
    with pytest.raises(ExampleError, match="96 x 64 is over 6143 pixels"):
        images.read_image(data, max_pixels=96 * 64 - 1)


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_damaged_boxed_kinds_are_read_or_refused_in_words_and_in_silence(kind, capfd):
    whole, refused = encoded(quarters(), kind), 0
    for seed in range(200):
        damaged, random = bytearray(whole), np.random.default_rng(seed)
        for at in random.integers(32, len(whole), 4):
            damaged[at] = random.integers(256)
        try:
            assert images.read_image(bytes(damaged), max_pixels=10**6).ndim == 3
        except ExampleError:
            refused += 1
    assert refused > 20
    assert capfd.readouterr() == ("", "")


def test_heic_without_its_extra_names_the_command_that_helps(odd, monkeypatch):
    images.read_image(odd["HEIC"])  # Pillow has learned it now
    monkeypatch.delitem(Image.OPEN, "HEIF")
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "pillow_heif", None)
        with pytest.raises(ExampleError) as refusal:
            images.read_image(odd["HEIC"])
        images.read_image(odd["AVIF"])
    assert str(refusal.value) == "HEIC needs an extra: pip install 'keras_transfer[heic]'"
    images.read_image(odd["HEIC"])  # installed since


@pytest.mark.parametrize(
    ("brands", "kind"),
    [
        ((b"avif", b"mif1", b"miaf"), "avif"),
        ((b"mif1", b"miaf", b"avif"), "avif"),
        ((b"avis", b"avif", b"msf1"), "avif"),
        ((b"heic", b"mif1", b"avif"), "heic"),
        ((b"mif1", b"heix"), "heic"),
        ((b"msf1", b"hevc"), "heic"),
        ((b"mif1", b"miaf"), "heic"),
        ((b"heim",), "heic"),
        ((b"isom", b"mp41"), ""),
        ((b"crx ", b"isom"), ""),
    ],
)
def test_boxed_kinds_are_known_by_their_brands(brands, kind):
    size = (12 + 4 * len(brands)).to_bytes(4, "big")
    box = size + b"ftyp" + brands[0] + bytes(4) + b"".join(brands[1:])
    assert images.image_kind(box + b"avifheic") == kind  # what follows the box is not in it


def test_kinds_and_endings(odd):
    for what, ending in (("plain JPEG", "jpeg"), ("PNG named .jpg", "png"), ("WebP", "webp")):
        assert images.image_kind(odd[what].read_bytes()) == ending
    assert images.image_kind(b"RIFF....WAVE") == images.image_kind(b"") == ""
    assert not images.fits_ending(odd["PNG named .jpg"], "png")
    assert images.fits_ending("A.JPEG", "jpeg")
    assert images.fits_ending("scan.TIF", "tiff")
    assert not images.fits_ending("no_ending", "jpeg")
    assert ".jfif" in images.IMAGE_ENDINGS


def test_real_images_are_alike_by_both_decoders(real_data, monkeypatch):
    files = sorted(real_data("flowers5").rglob("*.jpg"))[::25]
    careful = [images.read_image(file) for file in files]
    monkeypatch.setattr(decoders, "FAST_JPEG_PIXELS", 0)
    for file, pixels in zip(files, careful, strict=True):
        assert (images.read_image(file) == pixels).all()
        assert images.load_image(file, 96).shape == (96, 96, 3)


def test_threads_read_what_one_thread_reads(odd):
    from concurrent.futures import ThreadPoolExecutor

    files = [path for what, path in odd.items() if what not in REFUSED] * 3
    one = [images.load_image(file, 32) for file in files]
    with ThreadPoolExecutor(4) as pool:
        many = list(pool.map(lambda file: images.load_image(file, 32), files))
    assert all((a == b).all() for a, b in zip(one, many, strict=True))
