"""Ways in: several files, pages, raw rows, video, drop, paste, samples; and the options that ask again."""

import base64
import json
from typing import Any

import httpx
import numpy as np
from playwright.sync_api import Page, expect

from service.simulation.scene import make_scene
from tests.service.web.look import asked, assert_shown, choose, offer, shows, status
from tests.support import frames

SCENES = [make_scene(seed, 96, 128, targets=seed) for seed in (1, 2, 3)]
DEEP = [scene.counts(14) for scene in SCENES]
PNG = frames.png(DEEP[1])


FORMATS = {
    "deep.png": PNG,
    "deep.tiff": frames.tiff(DEEP[1]),
    "float.npy": frames.npy(DEEP[1].astype(np.float32)),
    "frame.jpeg": frames.jpeg(SCENES[1].counts(8).astype(np.uint8)),
}


def test_a_file_of_any_format_is_shown(page: Page, client: httpx.Client) -> None:
    for name, body in FORMATS.items():
        choose(page, (name, body))
        shows(page, "128x96")
        assert_shown(page, asked(client, body)[0]["targets"])


def test_every_page_can_be_reached(page: Page, client: httpx.Client) -> None:
    body = frames.tiff(*DEEP)
    answers = asked(client, body)
    choose(page, ("pages.tiff", body))
    for index in (1, 2):
        page.get_by_role("button", name="Next frame").click()
        shows(page, f"frame {index + 1} of 3")
        assert_shown(page, answers[index]["targets"])
    expect(page.get_by_role("button", name="Next frame")).to_be_disabled()
    page.get_by_label("Frame of 3").fill("1")
    page.get_by_label("Frame of 3").press("Enter")
    shows(page, "frame 1 of 3")
    assert_shown(page, answers[0]["targets"])


def test_several_files_are_answered_and_stepped_through(page: Page) -> None:
    choose(page, *((f"{i}.png", frames.png(counts)) for i, counts in enumerate(DEEP)))
    options = page.locator("#source").locator("option")
    expect(options).to_have_count(3)
    for option in options.all():
        expect(option).to_contain_text("target")
    page.keyboard.press(".")
    shows(page, "1.png")
    page.keyboard.press(",")
    shows(page, "0.png")
    page.locator("#source").select_option("2")
    shows(page, "2.png")


def test_raw_rows_have_a_size_that_is_guessed_or_entered(page: Page, client: httpx.Client) -> None:
    counts = make_scene(3, 256, 320, targets=3).counts(14)
    choose(page, ("rows.raw", counts.astype("<u2").tobytes()))
    shows(page, "320x256 uint16")
    expect(page.get_by_label("Width")).to_have_value("320")
    odd = DEEP[2][:90, :100]
    offer(page, ("odd.raw", odd.astype(">u2").tobytes()))
    expect(page.get_by_role("alert")).to_contain_text("odd.raw has no header that is known")
    page.get_by_label("Width").fill("100")
    page.get_by_label("Height").fill("90")
    page.get_by_label("Type").select_option("u16be")
    page.get_by_role("button", name="Read").click()
    shows(page, "odd.raw: ")
    shows(page, "100x90")
    assert_shown(page, asked(client, frames.png(odd))[0]["targets"])
    expect(page.get_by_role("alert")).to_be_hidden()


RECORD = """async (pictures) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 128, height: 96 });
    const pen = canvas.getContext("2d"), stream = canvas.captureStream(0), parts = [];
    pen.fillRect(0, 0, 128, 96);
    const recorder = new MediaRecorder(stream, { mimeType: "video/webm;codecs=vp8", videoBitsPerSecond: 8e6 });
    recorder.ondataavailable = ({ data }) => parts.push(data);
    const stopped = new Promise((resolve) => (recorder.onstop = resolve));
    recorder.start();
    for (const picture of pictures) {
        const image = new Image();
        image.src = "data:image/png;base64," + picture;
        await image.decode();
        pen.drawImage(image, 0, 0);
        stream.getVideoTracks()[0].requestFrame();
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    recorder.stop();
    await stopped;
    const file = new File(parts, "clip.webm", { type: "video/webm" }), data = new DataTransfer();
    data.items.add(file);
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
}"""


def test_a_video_is_decoded_here_and_its_frames_are_sent_one_by_one(page: Page) -> None:
    pictures = [base64.b64encode(frames.png(scene.counts(8))).decode() for scene in SCENES]
    sent: list[Any] = []
    page.on("request", lambda request: sent.append(request) if request.method == "POST" else None)
    page.evaluate(RECORD, [*pictures, *pictures])
    shows(page, "clip-000000.png, frame 1 of ")
    shows(page, "128x96")
    before = len(sent)
    page.keyboard.press(".")
    shows(page, "frame 2 of ")
    assert len(sent) == before + 1
    page.keyboard.press(",")
    shows(page, "frame 1 of ")
    assert len(sent) == before + 1, "a frame that was answered is asked for again"
    assert sent[0].headers["content-type"] == "image/png"


GIVE = """([event, name, body]) => {
    const bytes = Uint8Array.from(atob(body), (letter) => letter.charCodeAt(0)), data = new DataTransfer();
    data.items.add(new File([bytes], name, { type: "image/png" }));
    const how = { bubbles: true, cancelable: true, dataTransfer: data, clipboardData: data };
    document.body.dispatchEvent(event === "drop" ? new DragEvent("drop", how) : new ClipboardEvent("paste", how));
}"""


def test_a_picture_may_be_dropped_anywhere_or_pasted(page: Page) -> None:
    body = base64.b64encode(PNG).decode()
    page.evaluate(GIVE, ["drop", "dropped.png", body])
    shows(page, "dropped.png: ")
    page.evaluate(GIVE, ["paste", "image.png", body])
    shows(page, "pasted-1.png: ")


def test_each_sample_has_targets(page: Page) -> None:
    buttons = page.locator("#empty .samples button")
    titles = buttons.all_inner_texts()
    buttons.first.click()
    shows(page, "cluster.png: 8 targets")
    for title, name in zip(titles[1:], ("clouds.png", "passes.tiff"), strict=True):
        page.locator("summary", has_text="Samples").click()
        page.locator(".menu").get_by_role("button", name=title.split("\n")[0]).click()
        shows(page, name)
        expect(page.locator("#targets tbody tr")).not_to_have_count(0)


def test_options_of_the_input_ask_again(page: Page, client: httpx.Client) -> None:
    counts = DEEP[1].copy()
    counts[90, 5] = 65535
    body = frames.png(counts)
    choose(page, ("frame.png", body))
    query: dict[str, str] = {}
    for name, value in (("polarity", "black_hot"), ("range", "minmax"), ("polarity", "white_hot")):
        query[name] = value
        with page.expect_response("**/v1/detect*"):
            page.locator(f"#{name}").select_option(value)
        expect(status(page)).not_to_have_text("Detecting…")
        assert_shown(page, asked(client, body, **query)[0]["targets"])


def test_the_range_may_be_two_counts(page: Page, client: httpx.Client) -> None:
    choose(page, ("frame.png", PNG))
    low, _ = asked(client, PNG)[0]["input"]["range"]
    with page.expect_response("**/v1/detect*"):
        page.locator("#range").select_option("counts")
    expect(page.locator("#range-low")).to_have_value(f"{low:g}")
    page.locator("#range-high").fill("30000")
    with page.expect_response("**/v1/detect*") as answered:
        page.locator("#range-high").press("Enter")
    assert json.loads(answered.value.body())["frames"][0]["input"]["range"] == [low, 30000]
    expect(page.locator("#high-value")).to_have_text("30000")
