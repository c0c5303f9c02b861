"""The list of targets: thresholds that act without a request, the table, and its links with the picture."""

import httpx
from playwright.sync_api import Page, expect

from benchmarks.page.samples import cluster
from service.simulation.scene import make_scene
from tests.service.web.look import asked, assert_shown, choose, markers, rows, set_slider
from tests.support import frames

FAINT = frames.png(make_scene(24, 192, 256, 6, "clouds").counts(14))
CLUSTER = frames.png(cluster().counts(14))
CLUTTERED = frames.png(cluster(13, "sea").counts(14))  # with false alarms


def test_the_first_list_is_the_answer(page: Page, client: httpx.Client) -> None:
    choose(page, ("faint.png", FAINT))
    assert_shown(page, asked(client, FAINT)[0]["targets"])


def test_the_threshold_acts_without_a_request_and_as_the_service_would(page: Page, client: httpx.Client) -> None:
    choose(page, ("sea.png", CLUTTERED))
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url))
    counts = set()
    for threshold in (0.05, 0.3, 0.9, 0.99):
        set_slider(page, "#threshold", threshold)
        targets = asked(client, CLUTTERED, threshold=threshold)[0]["targets"]
        assert_shown(page, targets)
        assert marked(page) == len(targets)
        expect(page.locator("#number")).to_have_text(str(len(targets)))
        counts.add(len(targets))
    assert len(counts) > 1
    assert sent == []


def marked(page: Page) -> int:
    """How many targets have a mark, those that share one too."""
    shared = page.locator("#markers .group").evaluate_all(
        "(groups) => groups.reduce((sum, group) => sum + Number(group.dataset.group), 0)"
    )
    return page.locator("#markers .marker").count() + int(shared)


def test_the_lowest_confidence_acts_alike(page: Page, client: httpx.Client) -> None:
    choose(page, ("faint.png", FAINT))
    set_slider(page, "#min-confidence", 0.9)
    kept = asked(client, FAINT, min_confidence=0.9)[0]["targets"]
    assert 0 < len(kept) < len(asked(client, FAINT)[0]["targets"])
    assert_shown(page, kept)


def test_a_sensitivity_keeps_what_the_service_keeps(page: Page, client: httpx.Client) -> None:
    choose(page, ("faint.png", FAINT))
    set_slider(page, "#threshold", 0.9)
    for sensitivity in ("quiet", "balanced", "high"):
        page.locator("#sensitivity").select_option(sensitivity)
        assert_shown(page, asked(client, FAINT, sensitivity=sensitivity)[0]["targets"])
    set_slider(page, "#threshold", 0.6)
    expect(page.locator("#sensitivity option:checked")).to_have_text("set by hand")


def test_a_sensitivity_that_the_curve_does_not_know_well_is_called_uncertain(page: Page) -> None:
    choose(page, ("faint.png", FAINT))
    warnings = page.locator("#warnings li")
    page.locator("#sensitivity").select_option("quiet")
    expect(warnings).to_have_text("quiet is uncertain: the curve of this model knows rates from 0.44 per megapixel")
    page.locator("#sensitivity").select_option("balanced")
    expect(warnings).to_have_count(0)


def test_no_target_is_said(page: Page) -> None:
    choose(page, ("faint.png", FAINT))
    set_slider(page, "#min-confidence", 1)
    expect(page.get_by_text("No target at this threshold.")).to_be_visible()
    assert markers(page) == []


def test_the_table_is_sorted_by_any_column(page: Page) -> None:
    choose(page, ("cluster.png", CLUSTER))
    by_x = page.locator("#targets th").nth(2)
    by_x.get_by_role("button").click()
    found = [float(row[2]) for row in rows(page)]
    assert found == sorted(found, reverse=True)
    expect(by_x).to_have_attribute("aria-sort", "descending")
    by_x.get_by_role("button").click()
    assert [float(row[2]) for row in rows(page)] == sorted(found)
    page.keyboard.press("n")
    expect(page.locator("#targets tbody tr").first).to_contain_class("selected")


def test_table_and_picture_show_the_same_target(page: Page) -> None:
    choose(page, ("cluster.png", CLUSTER))
    row, marker = page.locator("#targets tr[data-id='3']"), page.locator(".marker[data-id='3']")
    row.hover()
    expect(marker).to_contain_class("hovered")
    row.click()
    expect(marker).to_contain_class("selected")
    box = page.locator(".marker[data-id='5']").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(page.locator("#targets tr[data-id='5']")).to_contain_class("hovered")
    page.mouse.down()
    page.mouse.up()
    expect(page.locator("#targets tr[data-id='5']")).to_contain_class("selected")
    expect(page.locator("[data-label='5']")).to_be_visible()


def test_the_selected_target_stays_selected_at_another_threshold(page: Page) -> None:
    choose(page, ("faint.png", FAINT))
    for _ in range(3):
        page.keyboard.press("n")
    before = [row for row in rows(page) if row[0] == "3"]
    set_slider(page, "#threshold", 0.7)
    selected = page.locator("#targets tr.selected td").all_inner_texts()
    assert abs(float(selected[2]) - float(before[0][2])) < 1


def test_labels_stand_where_there_is_room_and_cover_no_target(page: Page) -> None:
    choose(page, ("cluster.png", CLUSTER))
    page.get_by_role("button", name="Targets").click()
    labels = page.locator("#markers .label rect")
    expect(labels).to_have_count(8)
    taken = markers(page)
    for label in labels.all():
        box = label.bounding_box()
        assert box is not None
        for other in taken:
            beside = box["x"] + box["width"] <= other["x"] + 1 or other["x"] + other["width"] <= box["x"] + 1
            apart = box["y"] + box["height"] <= other["y"] + 1 or other["y"] + other["height"] <= box["y"] + 1
            assert beside or apart
