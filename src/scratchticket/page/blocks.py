"""The controls of the page, built from gradio's blocks."""

from __future__ import annotations

import json
from typing import Any

from scratchticket.base.errors import extra_missing
from scratchticket.page.each import EACH
from scratchticket.page.environment import NO_PROXY, environment
from scratchticket.page.pictures import MAX_BYTES, MAX_SIDE
from scratchticket.page.service import SAMPLE, UNKNOWN, UPLOADED, Page
from scratchticket.page.show import (
    AttackResult,
    answers_html,
    error_html,
    heading_html,
    remark_html,
    verdict_html,
)
from scratchticket.page.trial import MAX_STEPS, SWITCH, attacks

NORMS = {"linf": "l-inf: largest difference", "l2": "l2: Euclidean distance"}
IN_SIGHT = """() => {
  const told = document.getElementById("told");
  const top = told.getBoundingClientRect().top;
  if (top < 0 || top > window.innerHeight - 100) told.scrollIntoView({block: "center"});
}"""
NOTHING = "This image has not been attacked yet."
ATTACK, AT_WORK = "Attack", "Attacking …"
INTRODUCTION = """<h1>A random network that is robust</h1>
<p><strong>The weights of a ticket are random and were never trained: only the choice of weights
to keep was learned.</strong>{stored} Attack an image, and compare the networks.</p>"""
FOOTER = "Everything is computed on the machine that serves this page."
SEVERAL = "Select several for a random switch between them."
STORED = " Tickets marked as trained are exceptions."


def import_gradio() -> Any:
    """Return the module gradio.

    Raises:
        InputError: If it is not installed.
    """
    try:
        with environment(NO_PROXY):  # a SOCKS proxy would need another package
            import gradio
    except Exception as error:  # a package that is broken may raise anything
        raise extra_missing("the page", error, "app") from None
    return gradio


def build(page: Page) -> Any:
    """Return the page as gradio blocks, ready to be served.

    Raises:
        InputError: If gradio is not installed.
    """
    gr = import_gradio()
    with gr.Blocks(title="scratchticket: try a ticket", analytics_enabled=False) as blocks:
        gr.HTML(INTRODUCTION.format(stored=STORED if page.any_trained else ""), padding=False)
        _Controls(gr, page).connect(blocks)
        gr.HTML(remark_html(FOOTER), padding=False)
    return blocks


def _says(words: str) -> str:
    """Return a JavaScript function that sets a control's text in the browser at once."""
    return f"() => {json.dumps(words)}"


class _Controls:
    """The controls of the page and their events.

    Args:
        gr: The module gradio, inside an open block context.
        page: The service that answers.
    """

    def __init__(self, gr: Any, page: Page) -> None:
        self._gr, self._page = gr, page
        # Keys of data stored for the visitor; unlike gradio's states, the browser holds them.
        self._uploaded, self._held = gr.Textbox(visible=False), gr.Textbox(visible=False)
        self._of_step = gr.Textbox(visible=False)  # key of the attack whose steps the slider shows
        with gr.Row(elem_id="page"):
            with gr.Column(elem_id="image"):
                self._choose_image()
            with gr.Column(elem_id="seen"):
                self._title = gr.HTML(elem_id="title", padding=False)
                self._step = gr.Slider(
                    0, 1, value=0, step=1, label="Step shown", visible=False, elem_id="step"
                )
                self._result = gr.HTML(elem_id="result", padding=False)
            with gr.Column(elem_id="choice"):
                self._choose_tickets()
                self._choose_attack()

    def _choose_tickets(self) -> None:
        gr, names = self._gr, self._page.names
        self._set = gr.Dropdown(
            names,
            value=names[0],
            label="Random network",
            info="All tickets of a random switch come from one random network.",
            visible=len(names) > 1,
            filterable=False,
            elem_id="set",
        )
        self._tickets = gr.CheckboxGroup(label="Tickets", info=SEVERAL, elem_id="tickets")

    def _choose_image(self) -> None:
        gr = self._gr
        with gr.Row(elem_id="beside"):
            self._preview = gr.HTML(elem_id="preview", padding=False)
            with gr.Column(min_width=0):
                self._run = gr.Button(ATTACK, variant="primary", elem_id="attack")
                self._told = gr.HTML(remark_html(NOTHING), elem_id="told", padding=False)
        self._kind = gr.Radio([SAMPLE, UPLOADED], label="Image", elem_id="kind")
        self._number = gr.Slider(0, 1, step=1, label="Index of the test image", elem_id="number")
        self._upload = gr.UploadButton(
            f"Upload an image (at most {MAX_BYTES >> 20} MiB, {MAX_SIDE} x {MAX_SIDE} pixels)",
            file_types=["image"],
            size="md",
            elem_id="upload",
        )
        self._invert = gr.Checkbox(label="Invert brightness", elem_id="invert")
        self._truth = gr.Dropdown(label="True class", filterable=False, elem_id="truth")

    def _choose_attack(self) -> None:
        gr = self._gr
        self._source = gr.Dropdown(
            label="Attack made on",
            info="All at once: the expectation over the chosen tickets (EOT).",
            filterable=False,
            elem_id="source",
        )
        self._attack = gr.Dropdown(
            [(title, name) for name, title in attacks().items()],
            value="pgd",
            label="Attack",
            filterable=False,
            elem_id="kind-of-attack",
        )
        self._norm = gr.Radio(
            [(title, name) for name, title in NORMS.items()], label="Ball", elem_id="norm"
        )
        self._epsilon = gr.Textbox(
            label="Epsilon",
            info="Radius of the ball, such as 8/255 or 0.1, for pixels in [0, 1].",
            max_lines=1,
            elem_id="epsilon",
        )
        self._steps = gr.Slider(
            1, MAX_STEPS, value=20, step=1, label="Steps of the attack", elem_id="steps"
        )

    def connect(self, blocks: Any) -> None:
        """Connect each control to its events."""
        # Values are checked by the service, since gradio forgets which choices it offered a
        # visitor. Requests bypass gradio's queue, which answers over a stream that it may close
        # before the next request.
        unchecked = {"api_visibility": "private", "preprocess": False, "queue": False}
        quiet = unchecked | {"show_progress": "hidden"}
        choice = [self._set, self._kind, self._number, self._uploaded, self._invert]
        of_set = [self._tickets, self._kind, self._number, self._truth, self._source]
        of_set += [self._norm, self._epsilon]
        of_kind = [self._number, self._upload, self._invert, self._truth]
        seen = [self._preview, self._of_step, self._step, self._told, self._title, self._result]
        # One event sets all controls, since a visitor could act between two events.
        for event in (blocks.load, self._set.change):
            event(self._chosen, [self._set], [*of_set, *seen], **quiet)
        self._kind.change(self._shows, [self._kind], of_kind, **quiet)
        self._upload.upload(self._take, [self._upload], [self._uploaded, self._kind], **quiet)
        by_visitor = [each.input for each in (self._kind, self._number, self._invert, self._step)]
        self._gr.on(  # one listener, so that the last call's result is shown
            [*by_visitor, self._uploaded.change, self._held.change],
            self._seen,
            [self._held, self._of_step, self._step, *choice],
            seen,
            trigger_mode="always_last",
            **quiet,
        )
        self._norm.input(self._radius, [self._set, self._norm], [self._epsilon], **quiet)
        inputs = [*choice, self._truth, self._tickets, self._source, self._attack, self._epsilon]
        inputs += [self._norm, self._steps]
        for event in (self._run.click, self._epsilon.submit):
            event(None, outputs=[self._run], js=_says(AT_WORK), **quiet)  # before the slow request
            event(
                self._attacked,
                inputs,
                self._held,
                show_progress_on=[self._result],
                trigger_mode="once",
                **unchecked,
            ).then(None, outputs=[self._run], js=_says(ATTACK), **quiet).then(
                None, js=IN_SIGHT, **quiet
            )

    def _chosen(self, name: Any) -> list[Any]:
        """Return the choices that a set offers, its defaults, and the result shown for them."""
        one, update = self._page.ticket_set(name), self._gr.update
        number = self._page.opening(name)
        tickets = [(label, ticket) for ticket, label in one.labels().items()]
        every = ("the chosen tickets, all at once", SWITCH)
        sources = [
            (EACH, EACH),
            every,
            *((f"ticket {n}", n) for _, n in tickets),
            *((n, n) for n in one.dense),
        ]
        attack = one.attack()
        robust = f" Robust accuracy: {attack}, as recorded." if attack else ""
        kinds = [UPLOADED] if one.samples is None else [SAMPLE, UPLOADED]
        last = 1 if one.samples is None else len(one.samples) - 1
        choice = (one.name, kinds[0], number, "", False)
        return [
            update(choices=tickets, value=[one.best], info=f"{SEVERAL}{robust}"),
            update(choices=kinds, value=kinds[0]),
            update(maximum=last, value=number),
            update(choices=[UNKNOWN, *one.classes], value=UNKNOWN),
            update(choices=sources, value=EACH),
            update(value=one.norm),
            update(value=one.epsilon(one.norm)),
            *self._seen("", "", 1, *choice),
        ]

    def _shows(self, kind: Any) -> list[Any]:
        """Return which image controls are visible."""
        update, own = self._gr.update, kind == UPLOADED
        return [update(visible=not own), *(update(visible=own) for _ in range(3))]

    def _radius(self, name: Any, norm: Any) -> str:
        return self._page.ticket_set(name).epsilon("l2" if norm == "l2" else "linf")

    def _attacked(self, *inputs: Any) -> str:
        """Make an attack; return the key of its result."""
        return self._page.attack(inputs[:5], inputs[5], inputs[6], inputs[7:])

    def _take(self, sent: Any) -> list[str]:
        """Store an upload; return its key, and the kind of image to select."""
        return [self._page.upload(sent), UPLOADED]

    def _seen(self, held: Any, of_step: Any, step: Any, *choice: Any) -> list[Any]:
        """Return the chosen image, and the result of its attack at a step.

        For a new attack, the step is the last one, whatever the slider shows.
        """
        key, answer = self._page.key(held, choice), self._page.answer(held, choice)
        slider = self._gr.update(visible=isinstance(answer, AttackResult))
        if isinstance(answer, AttackResult) and of_step != key:
            step, of_step = len(answer.trial) - 1, key
            slider |= self._gr.update(maximum=step, value=step)
        return [self._page.preview(*choice), of_step, slider, *self._looked(answer, step)]

    def _looked(self, answer: AttackResult | str | None, step: Any) -> list[str]:
        """Return verdict, heading and predictions of an attack at a step."""
        if answer is None:
            return [remark_html(NOTHING), "", ""]
        if isinstance(answer, str):
            return [error_html(answer), "", ""]
        there = isinstance(step, int | float) and 0 <= step < len(answer.trial)
        at = int(step) if there else 0
        return [verdict_html(answer, at), heading_html(answer, at), answers_html(answer, at)]
