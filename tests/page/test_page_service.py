"""What the page holds for its visitors, and that what they send is checked."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from scratchticket.page import AttackResult, TicketSet, Trial
from scratchticket.page.each import EACH
from scratchticket.page.service import (
    ATTACKS_HELD,
    SAMPLE,
    UNKNOWN,
    UPLOADED,
    UPLOADS,
    WAITING,
    KeyedItems,
    Page,
)
from scratchticket.page.sets import NATURAL

NAMES = ["ratio-0.3", "ratio-0.5"]
SETTINGS = ["the switch", "pgd", "0.1", "linf", 2]


@pytest.fixture
def page(chosen: TicketSet, tmp_path: Path) -> Page:
    return Page([chosen], tmp_path)


def test_the_newest_are_held() -> None:
    held: KeyedItems[int] = KeyedItems(3)

    names = [held.add(number) for number in range(5)]

    assert [held.get(name) for name in names] == [None, None, 2, 3, 4]
    assert len(set(names)) == 5
    for other in ("", None, 3, ["x"]):
        assert held.get(other) is None


def test_an_answer_is_of_the_image_it_was_asked_for(page: Page, chosen: TicketSet) -> None:
    choice = [chosen.name, SAMPLE, 3, "", False]

    held = page.attack(choice, UNKNOWN, NAMES, SETTINGS)

    assert isinstance(page.answer(held, choice), AttackResult)
    for place, other in enumerate([None, UPLOADED, 4]):
        assert page.answer(held, [*choice[:place], other, *choice[place + 1 :]]) is None
    same = [chosen.name, SAMPLE, 3.0, "of another image", True]
    assert isinstance(page.answer(held, same), AttackResult)
    assert page.answer("", choice) is None
    assert page.answer(None, choice) is None


def test_an_answer_is_of_the_upload_it_was_asked_for(
    page: Page, chosen: TicketSet, tmp_path: Path
) -> None:
    choice = [chosen.name, UPLOADED, 3, page.upload(sent(tmp_path)), False]

    held = page.attack(choice, "3", NAMES, SETTINGS)

    assert isinstance(page.answer(held, choice), AttackResult)
    assert isinstance(page.answer(held, [*choice[:2], None, *choice[3:]]), AttackResult)
    assert page.answer(held, [*choice[:3], page.upload(sent(tmp_path)), False]) is None
    assert page.answer(held, [*choice[:4], True]) is None


def test_a_set_opens_on_an_image_on_which_the_naturally_trained_network_falls_and_the_ticket_stands(
    packaged: TicketSet, tmp_path: Path
) -> None:
    page = Page([packaged], tmp_path)

    number = page.opening(packaged.name)

    choice = [packaged.name, SAMPLE, number, "", False]
    opened = page.answer("", choice)
    assert isinstance(opened, AttackResult)
    trial = opened.trial
    natural = trial.dense[NATURAL].argmax(dim=1) == trial.label
    assert natural[0]
    assert not natural[-1]
    assert (trial.answers == trial.label).all()
    assert opened.image == f"test image {number} of digits"
    for other in range(number):  # it is the first
        earlier = page._run_attack(
            packaged,
            (image := page.image(packaged.name, SAMPLE, other, "", False)),
            image.label,
            trial.request,
        ).trial
        right = earlier.dense[NATURAL].argmax(dim=1) == earlier.label
        stands = bool((earlier.answers == earlier.label).all())
        each = [values[0].argmax() == earlier.label for values in earlier.dense.values()]
        assert right[-1] or not stands or not all(each)
    other_image = [packaged.name, SAMPLE, number + 1, "", False]
    assert page.answer("", other_image) is None
    assert page.answer(page.key("", choice), other_image) is None
    again = page.attack(choice, UNKNOWN, [packaged.best], [EACH, "pgd", "0.1", "linf", 20])
    attacked = page.answer(again, choice)
    assert isinstance(attacked, AttackResult)
    assert attacked is not opened
    assert torch.equal(attacked.trial.probabilities, trial.probabilities)


def test_a_set_without_a_naturally_trained_network_opens_on_its_first_image(
    packaged: TicketSet, tmp_path: Path
) -> None:
    page = Page([replace(packaged, dense={})], tmp_path)

    assert page.opening(packaged.name) == 0
    assert page.key("", [packaged.name, SAMPLE, 0, "", False]) == ""


def test_an_attack_that_is_no_longer_held_says_so(page: Page, chosen: TicketSet) -> None:
    choice, other = ([chosen.name, SAMPLE, number, "", False] for number in (3, 4))
    held = page.attack(choice, UNKNOWN, NAMES, SETTINGS)

    for _ in range(ATTACKS_HELD):
        page.attack(other, UNKNOWN, [], SETTINGS)

    assert "attack again" in str(page.answer(held, choice))
    assert page.answer(held, other) is None


def test_attacks_that_wait_are_few_and_the_others_are_told(
    page: Page, chosen: TicketSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    choice, told = [chosen.name, SAMPLE, 3, "", False], list[AttackResult | str | None]()
    go, begun = threading.Event(), threading.Semaphore(0)
    real = threading.BoundedSemaphore.acquire

    def acquire(self: Any, blocking: bool = True) -> bool:
        taken = real(self, blocking)
        begun.release()
        return taken

    def attack() -> None:
        told.append(page.answer(page.attack(choice, UNKNOWN, NAMES, SETTINGS), choice))

    monkeypatch.setattr("threading.BoundedSemaphore.acquire", acquire)
    monkeypatch.setattr(
        "scratchticket.page.service.try_attack", lambda *words, **more: go.wait(60) and trial
    )
    trial = object.__new__(Trial)
    threads = [threading.Thread(target=attack) for _ in range(WAITING + 4)]
    for thread in threads:
        thread.start()
    for _ in threads:
        begun.acquire()
    page.preview(*choice)  # others need not wait
    go.set()
    for thread in threads:
        thread.join()

    busy = [answer for answer in told if isinstance(answer, str)]
    assert busy == [f"{WAITING} attacks are queued already; try again in a moment"] * 3
    assert isinstance(
        page.answer(page.attack(choice, UNKNOWN, NAMES, SETTINGS), choice), AttackResult
    )


def test_an_attack_ends_with_the_page(page: Page, chosen: TicketSet) -> None:
    choice, told = [chosen.name, SAMPLE, 3, "", False], list[AttackResult | str | None]()
    steps = [*SETTINGS[:4], 50]

    def attack() -> None:
        told.append(page.answer(page.attack(choice, UNKNOWN, NAMES, steps), choice))

    threads = [threading.Thread(target=attack) for _ in range(3)]
    for thread in threads:
        thread.start()
    page.close()
    for thread in threads:
        thread.join()

    assert set(told) <= {"the attack was stopped", "the page was closed"}


def sent(folder: Path, name: str = "mine.png") -> dict[str, str]:
    """What the browser sends of an upload that has arrived."""
    Image.linear_gradient("L").save(folder / name)
    return {"path": str(folder / name)}


def test_uploads_are_read_once_and_deleted(page: Page, chosen: TicketSet, tmp_path: Path) -> None:
    one = sent(tmp_path)

    held = page.upload(one)

    assert list(tmp_path.iterdir()) == []
    image = page.image(chosen.name, UPLOADED, 0, held, False)
    assert (tuple(image.pixels.shape), image.label) == (chosen.shape, None)
    assert image.title == "mine.png"
    assert image.caption.startswith("mine.png, cropped to its centre")
    for wrong in (one, None, 3, {"path": "/etc/passwd"}):
        refused = page.preview(chosen.name, UPLOADED, 0, page.upload(wrong), False)
        assert "upload the image again" in refused
        assert 'role="alert"' in refused


def test_an_upload_that_others_have_pushed_out_is_asked_for_again(
    page: Page, chosen: TicketSet, tmp_path: Path
) -> None:
    held = page.upload(sent(tmp_path))

    for _ in range(UPLOADS):
        page.upload(sent(tmp_path))

    assert "was dropped" in page.preview(chosen.name, UPLOADED, 0, held, False)


@pytest.mark.parametrize("value", [None, [], {}, ["x"], 1e300, -1, float("nan"), "x" * 99_999])
def test_whatever_a_visitor_sends_is_answered_in_a_line(
    page: Page, chosen: TicketSet, value: Any
) -> None:
    choice = [chosen.name, SAMPLE, 3, "", False]
    for place in range(4):
        other = [*choice[:place], value, *choice[place + 1 :]]
        if place != 3:  # of a test image nobody asks what was uploaded
            assert "<img" not in page.preview(*other) or place == 1
    for place in range(5):
        settings = [*SETTINGS[:place], value, *SETTINGS[place + 1 :]]
        answer = page.answer(page.attack(choice, value, NAMES, settings), choice)
        assert isinstance(answer, str)
    assert isinstance(page.answer(page.attack(choice, value, value, SETTINGS), choice), str)
