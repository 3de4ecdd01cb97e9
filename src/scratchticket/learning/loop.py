"""The minimax loop (Eq. 1): attack the current network, then update the scores or weights.

Every random number of a step is a function of (seed, purpose, step), so a run resumed from a
checkpoint takes the same steps as one that was never stopped.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from scratchticket.attacks import Attack, AttackRecipe, Network, perturb
from scratchticket.attacks.sets import NetworkSet, chances
from scratchticket.base import rng
from scratchticket.base.cores import use_threads
from scratchticket.base.errors import InputError, Interrupted, ScratchticketError
from scratchticket.base.memory import ran_out, too_many
from scratchticket.data import pixels
from scratchticket.learning.batches import Batch, Batches
from scratchticket.learning.checkpoint import newest
from scratchticket.learning.health import not_finite, signs
from scratchticket.learning.moment import Moment
from scratchticket.learning.overfitting import catastrophic_overfitting, sound
from scratchticket.learning.passes import forward_pass
from scratchticket.learning.problem import (
    Epoch,
    Event,
    Outcome,
    Problem,
    Session,
    Snapshot,
)
from scratchticket.learning.recipe import LearningRecipe
from scratchticket.learning.state import (
    Sound,
    State,
    buffers_of,
    current,
    from_checkpoint,
    identity,
    load,
    to_checkpoint,
)
from scratchticket.learning.statistics import BATCH_NORMS, recomputed_statistics

STATISTICS_BATCHES = 64  # largest number of batches that batch-norm statistics are averaged over
SIGN_IMAGES = 64  # number of images for the health checks
FIRST_SAVE = 1.0  # seconds until the first checkpoint; each later interval is twice as long
SAVING_SHARE = 0.02  # largest fraction of the time spent on saving checkpoints


def learn(problem: Problem, recipe: LearningRecipe, session: Session = Session()) -> Outcome:
    """Run the loop to the end, from the start or from the session's checkpoint.

    Raises:
        Interrupted: If the session asked to stop; the checkpoint is saved.
        InputError: If the checkpoint belongs to another problem.
        ScratchticketError: If loss or learned values are no longer finite.
    """
    device = problem.images.labels.device
    forked = torch.random.fork_rng([device] if device.type == "cuda" else [])
    with forked, torch.autocast(device.type, enabled=False):  # the recipe sets the precision
        run = _Run(problem, recipe, session)
        try:
            return _run_steps(run, session)
        finally:
            run.batches.close()


def _run_steps(run: _Run, session: Session) -> Outcome:
    """Take the remaining steps; return the result of the run."""
    run.restore()
    begun, saved = time.monotonic() - run.state.seconds, time.monotonic()
    pause = min(FIRST_SAVE, session.save_seconds)
    while not run.finished:
        run.stop_if_asked()
        run.advance()
        run.state.seconds = time.monotonic() - begun
        if run.state.step % run.steps_per_epoch == 0:
            run.end_epoch()
            run.state.seconds = time.monotonic() - begun
        session.observe(run.event())
        if time.monotonic() - saved > pause or run.finished:
            saving = time.monotonic()
            run.save()
            saved = time.monotonic()
            pause = max(min(2 * pause, session.save_seconds), (saved - saving) / SAVING_SHARE)
    run.stop_if_asked()
    assert run.state.best is not None
    return Outcome(
        best=run.state.best, last=run.last(), epochs=run.state.epochs, seconds=run.state.seconds
    )


class _Run:
    """State and operations of a run of :func:`learn`."""

    def __init__(self, problem: Problem, recipe: LearningRecipe, session: Session) -> None:
        self.problem, self.recipe, self.session = problem, recipe, session
        self.device = problem.images.labels.device
        self.steps_per_epoch = recipe.steps_per_epoch(len(problem.images))
        self.steps = self.steps_per_epoch * recipe.epochs
        self.state, self._finite_step = State(step=0, loss_sum=self._zero()), 0
        self._identity = identity(problem, recipe) if session.checkpoint else ""
        self._forward = forward_pass(problem.network, recipe)
        self._attacks = recipe.schedule_of(problem.attack)
        self._set_probabilities = chances(None, len(problem.beside) + 1).to(self.device)
        problem.network.requires_grad_(False)
        problem.learner.write()
        self.group = session.group
        self.batches = Batches(problem.images, problem.seed, recipe, self.group)

    def stop_if_asked(self) -> None:
        """Save and raise Interrupted if the session asks to stop."""
        if self.group.any(self.session.stop()):
            self.save()
            raise Interrupted(f"stopped after step {self.state.step} of {self.steps}")

    @property
    def overfitted(self) -> bool:
        """Whether the run has gone back after catastrophic overfitting."""
        return any(epoch.back_from for epoch in self.state.epochs)

    @property
    def stopped(self) -> bool:
        """Whether the run has ended early after catastrophic overfitting."""
        return self.recipe.on_overfitting == "stop" and self.overfitted

    @property
    def finished(self) -> bool:
        """Whether no step is left."""
        return self.state.step == self.steps or self.stopped

    def _zero(self) -> Tensor:
        return torch.zeros((), dtype=torch.float64, device=self.device)

    def advance(self) -> None:
        """Take one step.

        Raises:
            OutOfMemory: If a batch is too large; the last checkpoint stays valid.
        """
        try:
            self._advance()
            return
        except (MemoryError, RuntimeError) as error:
            if not ran_out(error):
                raise
        step, size = f"step {self.state.step + 1}", self.recipe.batch_size
        raise too_many(step, size, self._attempt, "learning.batch_size of a new run")

    def _attempt(self, count: int) -> None:
        """Run a step with ``count`` images, without an update, to see whether it fits in memory."""
        self.problem.learner.clear()
        own = max(1, count // self.group.size)
        batch = self.batches.at(self.state.step)
        some = Batch(batch.images[:own], batch.labels[:own], slice(0, own), own)
        generator = rng.generator(self.problem.seed, "attack", 0, device=self.device)
        self.problem.network.train()
        attacked = self._attacked(some, generator, self.moment())
        self._backward(attacked, some.labels, 1.0)
        self.problem.learner.collect()
        _momentum = [torch.empty_like(t) for t in self.problem.learner.tensors().values()]
        self.problem.learner.clear()

    def moment(self) -> Moment:
        """Return position and learning rate of the next step."""
        step, per_epoch = self.state.step, self.steps_per_epoch
        return Moment(step, self.steps, per_epoch, self.recipe.learning_rate_at(step, per_epoch))

    def _advance(self) -> None:
        """Attack a batch, backpropagate and update the learned tensors."""
        network, learner, step = self.problem.network, self.problem.learner, self.state.step
        moment = self.moment()
        # Each process draws its own random numbers in the forward pass, such as dropout's.
        rng.reseed(rng.network_seed(self.problem.seed, step, self.group.rank), self.device)
        batch = self.batches.at(step)
        generator = rng.generator(self.problem.seed, "attack", step, device=self.device)
        network.train(self.recipe.batch_norm == "train")
        if batch.whole == 1 and any(
            isinstance(module, BATCH_NORMS) for module in network.modules()
        ):
            raise InputError(
                "a batch of one image has no batch statistics; choose another learning.batch_size"
            )
        adversarial = self._attacked(batch, generator, moment)

        if not network.training:
            network.train()
        loss = self._collect_gradients(adversarial, batch)
        if learner.climb(moment):
            self._collect_gradients(adversarial, batch)
        learner.step(moment)
        learner.write()
        self.state.loss_sum += loss
        self.state.step += 1

    def _collect_gradients(self, adversarial: Tensor, batch: Batch) -> Tensor:
        """Compute the learner's gradients, averaged over processes; return the loss."""
        learner = self.problem.learner
        # With this factor, the average over processes is the mean over the whole batch.
        share = len(adversarial) * self.group.size / batch.whole
        loss = self._backward(adversarial, batch.labels, share)
        if self.group.size > 1:
            gradients = [p.grad for p in learner.parameters() if p.grad is not None]
            self.group.average([*gradients, *buffers_of(self.problem).values(), loss])
        learner.collect()
        return loss

    def _backward(self, adversarial: Tensor, labels: Tensor, share: float) -> Tensor:
        """Backpropagate the loss times ``share``; return this product."""
        smoothing = self.recipe.label_smoothing
        for parameter in self.problem.learner.parameters():
            parameter.requires_grad_(True)
        loss = F.cross_entropy(self._forward(adversarial), labels, label_smoothing=smoothing)
        if share != 1:
            loss = loss * share
        loss.backward()  # type: ignore[no-untyped-call]
        self.problem.network.requires_grad_(False)
        return loss.detach()

    def _attacked(self, batch: Batch, generator: torch.Generator, moment: Moment) -> Tensor:
        """Return adversarial images for the network, together with ``problem.beside`` if any."""
        network: Network = self._forward
        beside = self.problem.beside
        if beside:
            network = NetworkSet([*beside, network])
        return perturb(
            self.problem.learner.attack(self._scheduled(moment), moment),
            network,
            batch.images,
            batch.labels,
            generator=generator,
            chances=self._set_probabilities if beside else None,
            part=batch.part,
            whole=batch.whole,
        )

    def _scheduled(self, moment: Moment) -> Attack:
        """Return the inner attack of a step.

        After catastrophic overfitting, PGD-2 replaces attacks of one step.
        """
        attack = next(a for part, a in reversed(self._attacks) if moment.reached(part))
        if attack.gradients == 1 and self.overfitted:
            assert attack.epsilon is not None
            return AttackRecipe("pgd", attack.epsilon, steps=2, norm=attack.norm)
        return attack

    def end_epoch(self) -> None:
        """Validate and check for overfitting where due, log the epoch, and update snapshots."""
        state, recipe, problem = self.state, self.recipe, self.problem
        number = state.step // self.steps_per_epoch
        loss = float(state.loss_sum) / self.steps_per_epoch
        self.require_finite()
        learning_rate = recipe.learning_rate_at(state.step - 1, self.steps_per_epoch)
        epoch = Epoch(number, loss, learning_rate, state.seconds, None)
        due = number % recipe.validate_every == 0 or number == recipe.epochs
        last = replace(self.moment(), step=state.step - 1)
        watch = problem.watch if self._scheduled(last).gradients == 1 else None
        if due or watch:
            with self.evaluation_mode():
                if due:
                    epoch = self._validated(epoch)
                if watch:
                    epoch = replace(epoch, watch=watch(problem.network))
        state.epochs.append(epoch)
        state.loss_sum = self._zero()
        if watch and recipe.on_overfitting != "warn":
            self._heed_watch()

    def _validated(self, epoch: Epoch) -> Epoch:
        """Return the epoch's log with validation; keep a snapshot if the epoch is the best."""
        state = self.state
        validation = self.problem.validate(self.problem.network)
        bests = [e.validation.robust.correct for e in state.epochs if e.validation]
        if validation.robust.correct >= max(bests, default=0):  # ties: the latest
            state.best = self.snapshot()
        return replace(epoch, validation=validation, signs=self._signs())

    def _heed_watch(self) -> None:
        """Keep the state of a sound epoch; after catastrophic overfitting go back to it."""
        state, number = self.state, self.state.epochs[-1].epoch
        if catastrophic_overfitting(state.epochs) is None:
            if sound(state.epochs):
                tensors = {name: t.detach().clone() for name, t in current(self.problem).items()}
                state.sound = Sound(number, tensors)
            return
        assert state.sound is not None  # set at the latest in the best epoch before this one
        load(self.problem, state.sound.tensors)
        state.step = state.sound.epoch * self.steps_per_epoch
        del state.epochs[state.sound.epoch :]
        back = replace(state.epochs.pop(), back_from=number)
        state.sound = None  # a run goes back only once: no later attack has one step
        if self.recipe.on_overfitting == "stop" and back.validation is None:
            with self.evaluation_mode():
                back = self._validated(back)
        state.epochs.append(back)

    def _signs(self) -> tuple[str, ...]:
        """Return the health warnings of the network in evaluation mode."""
        network, images = self.problem.network, self.problem.images
        some = pixels(images[slice(0, SIGN_IMAGES)].images)
        return signs(network, self.problem.learner.result(), some)

    @contextmanager
    def evaluation_mode(self) -> Iterator[None]:
        """Put the network into eval mode, with a ticket's weights and batch-norm statistics."""
        network = self.problem.network
        network.eval()
        with self.problem.learner.evaluation_weights():
            if self.recipe.statistics == "running":
                yield
                return
            some = self.batches.statistics(min(STATISTICS_BATCHES, self.steps_per_epoch))
            with recomputed_statistics(network, (pixels(chosen.images) for chosen in some)):
                self.group.average(network.buffers())
                yield

    def last(self) -> Snapshot:
        """Return the snapshot at the end of the run."""
        with self.evaluation_mode():
            return self.snapshot()

    def snapshot(self) -> Snapshot:
        """Return the current masks or weights, and buffers."""
        buffers = {name: b.clone() for name, b in buffers_of(self.problem).items()}
        result = {name: value.clone() for name, value in self.problem.learner.result().items()}
        return Snapshot(self.state.step // self.steps_per_epoch, result, buffers)

    def event(self) -> Event:
        """Return the progress of the run."""
        state, done = self.state, self.state.step % self.steps_per_epoch
        loss = state.loss_sum / done if done else torch.tensor(state.epochs[-1].loss)
        return Event(state.step, self.steps, loss, state.epochs, self.recipe.epochs)

    def require_finite(self) -> None:
        """Refuse to go on with values that are not finite.

        Raises:
            ScratchticketError: If loss or learned values are not finite; the last checkpoint stays.
        """
        state = self.state
        if (what := not_finite(state.loss_sum, self.problem.learner.tensors())) is None:
            self._finite_step = state.step
            return
        epoch = (state.step - 1) // self.steps_per_epoch + 1
        raise ScratchticketError(
            f"{what} is no longer finite in epoch {epoch}, between steps {self._finite_step} and "
            f"{state.step}; a lower learning rate may help"
        )

    def save(self) -> None:
        """Write the checkpoint, if the session has one, after checking that values are finite."""
        self.require_finite()
        if self.session.checkpoint is None or not self.group.leads:
            return
        checkpoint = to_checkpoint(self.problem, self.state, self._identity)
        checkpoint.save(self.session.checkpoint)

    def restore(self) -> None:
        """Resume from the session's checkpoint, if there is one."""
        path = self.session.checkpoint
        if path is None:
            return
        if (checkpoint := newest(path, self.session.tell)) is not None:
            self.state = from_checkpoint(checkpoint, self.problem, self._identity)
            if self.device.type == "cpu":
                use_threads(checkpoint.facts.get("threads"))
        self._finite_step = self.state.step
        if len(set(self.group.gathered((self.state.step, float(self.state.loss_sum))))) > 1:
            raise InputError("the processes see different checkpoints; they must share one folder")
