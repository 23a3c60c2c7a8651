"""The two services: what is sent to them, and that each client has its own stream."""

from __future__ import annotations

import base64
import inspect
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import httpx
import pytest
import torch
from PIL import Image
from websockets.sync.client import ClientConnection, connect

import recipes.serve
from recipes.digits.data import load_digits
from recipes.digits.network import DigitNet
from recipes.serve import DigitReader, Tracker
from recipes.serve.image_file import MOST_PIXELS
from recipes.tracking.pipeline import CLIP
from recipes.tracking.video import read_frames
from tests.serve.made import TIMEOUT, Live, asking, problem, serving
from torchpipe.cli import main

README = Path(inspect.getfile(recipes.serve)).with_name("README.md").read_text(encoding="utf-8")


def jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "jpeg")
    return file.getvalue()


def item(image: bytes) -> dict[str, str]:
    return {"image": base64.b64encode(image).decode()}


@contextmanager
def streaming(live: Live) -> Iterator[ClientConnection]:
    with connect(f"ws{live.url.removeprefix('http')}/session", open_timeout=TIMEOUT) as socket:
        yield socket


@pytest.fixture(scope="module")
def frames() -> list[dict[str, str]]:
    """The first frames of the clip, and those of another part of it."""
    chosen = islice(read_frames(CLIP), 0, 60, 10)
    return [item(jpeg(Image.fromarray(frame.numpy()))) for frame in chosen]


@pytest.fixture
def network(tmp_path: Path) -> str:
    """Weights of a network that has learned nothing."""
    file = tmp_path / "network.pt"
    torch.save(DigitNet().state_dict(), file)
    return str(file)


def test_a_session_is_followed_as_if_it_were_alone(frames):
    some, others = frames, frames[::-1]
    with serving(Tracker()) as live:
        alone = [batch(live, stream) for stream in (some, others)]
        with streaming(live) as one, streaming(live) as two:
            for pair in zip(some, others, strict=True):
                for socket, image in zip((one, two), pair, strict=True):
                    socket.send(json.dumps(image))
            together = [[json.loads(s.recv(TIMEOUT)) for _ in frames] for s in (one, two)]
    assert together == alone
    assert [told["outputs"]["frame"] for told in together[0]] == [1, 2, 3, 4, 5, 6]
    assert together[0][0]["outputs"]["ids"] != together[1][0]["outputs"]["ids"]


def batch(live: Live, images: list[dict[str, str]]) -> list[dict]:
    reply = httpx.post(f"{live.url}/run-batch", json={"items": images}, timeout=TIMEOUT)
    return reply.json()["results"]


def test_a_damaged_frame_is_told_in_its_place_and_the_stream_goes_on(frames):
    damaged = item(base64.b64decode(frames[0]["image"])[:-100])
    with serving(Tracker(clones=1)) as live, streaming(live) as socket:
        for image in (frames[0], damaged, frames[1]):
            socket.send(json.dumps(image))
        first, wrong, second = (json.loads(socket.recv(TIMEOUT)) for _ in range(3))
    assert wrong["problem"]["status"] == 422
    assert [told["outputs"]["frame"] for told in (first, second)] == [1, 2]


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, "png")
    return file.getvalue()


@pytest.mark.parametrize(
    ("image", "text"),
    [
        (b"no image", "image: it is no image file, or a damaged one: send PNG, JPEG ..."),
        (b"", "image: it is no image file, or a damaged one: send PNG, JPEG ..."),
        (png(28, 28)[:-30], "image: it is no image file, or a damaged one: send PNG, JPEG ..."),
        (
            png(16_001, 1000),
            f"image: the image has 16,001,000 pixels: send at most {MOST_PIXELS:,}",
        ),
    ],
)
def test_what_is_no_image_is_refused_before_it_is_in_the_run(image, text, network):
    with asking(DigitReader(network)) as client:
        for told in (
            client.post("/run", files={"image": image}),
            client.post("/run", json=item(image)),
        ):
            assert problem(told, 422)["detail"] == text
        stats = client.get("/stats").json()
        assert sum(clone["items"] for clone in stats["clones"]) == 0


def test_pictures_of_other_sizes_and_colours_are_read_too(network):
    picture = load_digits(4).test[3].png
    large = Image.open(io.BytesIO(picture)).convert("RGB").resize((100, 80))
    with asking(DigitReader(network)) as client:
        for image in (picture, jpeg(large)):
            told = client.post("/run", files={"image": image}).json()
            assert 0 <= told["digit"] <= 9
            assert 0 <= told["sureness"] <= 1


@pytest.mark.parametrize("option", ["network", "clones"])
def test_the_page_tells_the_options_and_their_defaults(option):
    default = inspect.signature(DigitReader).parameters[option].default
    (row,) = [line for line in README.splitlines() if f"`--{option}`" in line]
    assert f" {default} " in row.replace("`", " ")


def test_a_copy_has_both_services_and_the_recipes_that_they_build_on(tmp_path, capsys, network):
    folder = str(tmp_path / "services_copied")
    assert main(["cp", "serve", folder]) == 0
    assert main(["graph", folder, "digits", "--network", network]) == 0
    assert main(["graph", folder, "tracker"]) == 0
    shown = capsys.readouterr().out
    assert "DigitReader(" in shown
    assert "Tracker(" in shown
