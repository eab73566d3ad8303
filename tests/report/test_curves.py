"""Loss curves: read epoch by epoch, enlarged and shown entirely again."""

from __future__ import annotations

import pytest

from evaluation import report
from tests.evaluation.sessions import save_untrained_run

EPOCHS = 40


@pytest.fixture(scope="module")
def curves_path(tmp_path_factory):
    session = save_untrained_run(tmp_path_factory.mktemp("curves"))
    rows = [
        {"epoch": epoch, "loss": 100 + 100 / epoch, "val_loss": 105 + 100 / epoch}
        for epoch in range(1, EPOCHS + 1)
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(report.curves, "read_history", lambda session: (rows, session.record))
        return report.run(session)[0]


@pytest.fixture
def curves(open_report, curves_path):
    page = open_report(curves_path, viewport={"width": 1280, "height": 900}).page
    page.locator("#curves svg").scroll_into_view_if_needed()
    return page


def place_of(page, epoch: int) -> tuple[float, float]:
    """Returns where an epoch is on the screen."""
    box = page.locator("#curves svg").bounding_box()
    x = page.evaluate("(epoch) => page.curves.x(epoch) / CURVES.width", epoch)
    return box["x"] + x * box["width"], box["y"] + box["height"] / 2


def shown(page) -> tuple[int, int]:
    return tuple(page.evaluate("[page.curves.first, page.curves.last]"))


def drag(page, first: int, last: int) -> None:
    page.mouse.move(*place_of(page, first))
    page.mouse.down()
    page.mouse.move(*place_of(page, last), steps=4)
    page.mouse.up()


def test_the_epoch_under_the_pointer_is_written_out(curves):
    curves.mouse.move(*place_of(curves, 25))
    text = curves.locator("#curves-text").text_content()
    assert text == "Epoch 25: loss 104.00, validation loss 109.00"


def test_a_drag_enlarges_epochs_and_a_double_click_shows_all(curves):
    drag(curves, 30, 10)  # from right to left, too
    assert shown(curves) == (10, 30)
    label = curves.locator("#curves svg").get_attribute("aria-label")
    assert label.startswith("loss, nats per image, epochs 10 to 30: training from 110.00 to 103.33")
    ticks = curves.locator("#curves svg text").all_text_contents()
    assert "40" not in ticks
    drag(curves, 12, 20)
    assert shown(curves) == (12, 20)
    curves.locator("#curves svg").dblclick()
    assert shown(curves) == (1, EPOCHS)


def test_a_button_shows_all_epochs(curves):
    button = curves.get_by_role("button", name="Show all epochs")
    assert button.is_disabled()
    drag(curves, 5, 15)
    button.click()
    assert shown(curves) == (1, EPOCHS)


def test_a_click_enlarges_nothing(curves):
    curves.mouse.click(*place_of(curves, 7))
    assert shown(curves) == (1, EPOCHS)
    assert curves.locator("#curves-text").text_content().startswith("Epoch 7:")


def test_keys_choose_an_epoch_and_zoom(curves):
    curves.locator("#curves svg").focus()
    for _ in range(15):
        curves.keyboard.press("ArrowLeft")
    assert curves.locator("#curves-text").text_content().startswith("Epoch 25:")
    curves.keyboard.press("+")
    assert shown(curves) == (15, 35)
    curves.keyboard.press("+")
    assert shown(curves) == (20, 30)
    for _ in range(20):
        curves.keyboard.press("ArrowRight")
    assert curves.locator("#curves-text").text_content().startswith("Epoch 30:")
    curves.keyboard.press("-")
    assert shown(curves)[1] - shown(curves)[0] == 20
    curves.keyboard.press("0")
    assert shown(curves) == (1, EPOCHS)


def test_one_epoch_is_drawn_as_points(page):
    assert page.locator("#curves circle").count() == 2
    assert not page.get_by_role("button", name="Show all epochs").is_visible()
