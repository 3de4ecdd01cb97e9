"""A recipe: all settings that determine a run's result, as frozen dataclasses and JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from fractions import Fraction
from hashlib import sha256
from typing import Annotated, Any, Literal

from pydantic import PlainSerializer, PlainValidator, TypeAdapter, ValidationError

from scratchticket.attacks import Attack, AttackRecipe, Norm, inner_attack, inner_settings
from scratchticket.base.errors import InputError, unknown
from scratchticket.base.files import canonical_json, check_text
from scratchticket.base.quantities import fraction_text
from scratchticket.base.rng import check_seed
from scratchticket.base.typed import changed, check_types
from scratchticket.data import DataRecipe
from scratchticket.learning import LearningRecipe, SearchRecipe, make_search, search_settings
from scratchticket.masks import Pattern, parse_ratio
from scratchticket.networks import NetworkRecipe
from scratchticket.tickets import InitialScores, Ticket


@dataclass(frozen=True)
class EvaluationRecipe:
    """The attack of validation and test: PGD, by default at the epsilon of the search.

    Attributes:
        steps: Number of gradient steps.
        epsilon: Radius of the ball, as text; if not given, that of the inner attack.
        step_size: As in :class:`AttackRecipe`.
        norm: ``linf`` or ``l2``; if not given, that of the inner attack.
    """

    steps: int = 20
    epsilon: str | float | None = None
    step_size: str | float | None = None
    norm: Norm | None = None

    def __post_init__(self) -> None:
        check_types(self, "evaluation.")

    def attack(self, inner: Attack) -> Attack:
        """Return the evaluation attack that belongs to an inner attack.

        Raises:
            InputError: If the norms differ and no epsilon is set.
        """
        norm = self.norm or inner.norm
        if self.epsilon is None and norm != inner.norm:
            raise InputError(f"evaluation.norm={norm} needs an evaluation.epsilon of its own")
        epsilon = inner.epsilon if self.epsilon is None else self.epsilon
        assert epsilon is not None
        return AttackRecipe("pgd", epsilon, self.steps, self.step_size, norm)


@dataclass(frozen=True)
class StartRecipe:
    """A file to start from instead of a random network.

    Attributes:
        file: File of a trained network or a ticket to start from. If not given, the run starts from
            a random network.
        index: Index of the ticket, if the file holds several.
        sha256: SHA-256 of the ticket's content; filled in when the file is read.
        weights: Whether to train the file's weights (inherited) or new random ones (new), drawn
            with this run's seed and init.
    """

    file: str | None = None
    index: int | None = None
    sha256: str | None = None
    weights: Literal["inherited", "new"] = "inherited"

    def __post_init__(self) -> None:
        check_types(self, "start.")

    @property
    def exists(self) -> bool:
        """Whether there is a file to start from."""
        return self.file is not None or self.sha256 is not None


@dataclass(frozen=True)
class BesideRecipe:
    """Further tickets that the inner attack attacks together with the new one.

    Attributes:
        files: File of further tickets: the inner attack attacks a random switch between them and
            the new ticket.
        sha256: SHA-256 of each ticket's content; filled in when the files are read.
    """

    files: tuple[str, ...] = ()
    sha256: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_types(self, "beside.")

    @property
    def exists(self) -> bool:
        """Whether there are further tickets."""
        return bool(self.files or self.sha256)


def read_attack(value: Any) -> Attack:
    """Return an attack given as an Attack or as its JSON values.

    Raises:
        InputError: If the value is neither.
    """
    if isinstance(value, Attack):
        return value
    if not isinstance(value, Mapping):
        raise InputError(f"attack must be an Attack or a mapping of its settings, got {value!r}")
    return inner_attack(value)


_IN_FULL = ("task", "data", "network", "ratio", "attack", "seed")


@dataclass(frozen=True)
class Recipe:
    """All settings of a run.

    Attributes:
        task: ``draw`` a ticket, or ``train`` weights: all, or those that remain in a ticket.
        data: Images and their preprocessing.
        network: The random network.
        ratio: Fraction of each layer's weights that remain, in (0, 1]. If not given, 0.1 for
            ``draw``; always 1 for ``train``, which prunes nothing further.
        pattern: Granularity of the mask, and budget over the layers.
        start: File to start from instead of the random network.
        beside: Further tickets for the inner attack.
        scores: Initial scores of a drawing: ``random``, or the magnitudes of the trained
            ``weights`` it starts from.
        search: How the mask is searched for.
        attack: Inner maximisation.
        learning: Outer minimisation.
        evaluation: Attack on validation and test images.
        seed: Seed of weights, scores, batches and attack starts.
    """

    task: Literal["draw", "train"] = "draw"
    data: DataRecipe = field(default_factory=DataRecipe)
    network: NetworkRecipe = field(default_factory=NetworkRecipe)
    ratio: str | float | None = None
    pattern: Pattern = field(default_factory=Pattern)
    start: StartRecipe = field(default_factory=StartRecipe)
    beside: BesideRecipe = field(default_factory=BesideRecipe)
    scores: InitialScores = "random"
    search: SearchRecipe = field(default_factory=SearchRecipe)
    attack: Annotated[Attack, PlainValidator(read_attack), PlainSerializer(Attack.json)] = field(
        default_factory=AttackRecipe
    )
    learning: LearningRecipe = field(default_factory=LearningRecipe)
    evaluation: EvaluationRecipe = field(default_factory=EvaluationRecipe)
    seed: int = 0

    def __post_init__(self) -> None:
        check_types(self)
        if self.task not in ("draw", "train"):
            raise unknown("task", self.task, ("draw", "train"))
        ratio = self._ratio()
        if self.task == "train" and (ratio != "1" or self.pattern != Pattern()):
            raise InputError(
                f"training changes no mask: ratio must be 1, got {ratio}, and pattern must be unset"
            )
        if self.task == "train" and self.scores != "random":
            raise InputError("training has no scores; scores=weights is only for drawing")
        if self.task == "train" and self.search != SearchRecipe():
            raise InputError("training searches for no mask; search is only for drawing")
        make_search(self.search)  # raises if the name is unknown
        self.learning.schedule_of(self.attack)  # raises if an attack is invalid
        if self.start.weights == "new" and (self.task == "draw" or not self.start.exists):
            raise InputError("start.weights=new is only for train with --from TICKET")
        object.__setattr__(self, "ratio", ratio)
        if self.network.fan_scale == "ratio":
            object.__setattr__(self, "network", replace(self.network, fan_scale=ratio))
        check_seed(self.seed)
        self.judge  # noqa: B018  (raises if the evaluation attack is invalid)

    def _ratio(self) -> str:
        """Return the remaining ratio as text, its default filled in."""
        if self.ratio is not None:
            return fraction_text(parse_ratio(self.ratio))
        if self.task == "train":
            return "1"
        groups = self.pattern.groups
        return fraction_text(Fraction(*groups)) if groups else "0.1"

    @property
    def judge(self) -> Attack:
        """The attack under which validation and test accuracies are measured."""
        return self.evaluation.attack(self.attack)

    def json(self) -> dict[str, Any]:
        """Return the recipe as JSON values, defaults included."""
        value: dict[str, Any] = _ADAPTER.dump_python(self, mode="json")
        return value

    def brief(self) -> dict[str, Any]:
        """Return the recipe as short JSON values, as a ticket stores it.

        Task, data, network, ratio, attack and seed are complete; other settings are left out if
        they have their defaults. :func:`stored_recipe` returns the same recipe from it.
        """
        whole, other = self.json(), json.loads(json.dumps(changed(self)))
        return {
            name: value if name in _IN_FULL else other[name]
            for name, value in whole.items()
            if name in _IN_FULL or name in other
        }

    def placeless(self) -> Recipe:
        """Return the recipe without the paths of files that it identifies by their SHA-256."""
        start, beside = self.start, self.beside
        if start.sha256 is None and not beside.sha256:
            return self
        if start.sha256 is not None:
            start = replace(start, file=None, index=None)
        if beside.sha256:
            beside = replace(beside, files=())
        return replace(self, start=start, beside=beside)

    @property
    def id(self) -> str:
        """Id of the run: SHA-256 of the canonical JSON of all settings that are not the default.

        It depends on the content of a file to start from, not on its path.
        """
        return sha256(canonical_json(changed(self.placeless())).encode()).hexdigest()


_ADAPTER = TypeAdapter(Recipe)
OPEN = (
    "network.arguments",
    "pattern.layers",
    "search.arguments",
)  # settings whose names the user chooses
PLUGGED = "attack."  # a plug-in's attack may add settings here


def stored_recipe(value: Mapping[str, Any]) -> Recipe:
    """Return a recipe from the result of :meth:`Recipe.json` or :meth:`Recipe.brief`."""
    return _ADAPTER.validate_python(value)


def all_settings(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """Return every setting of a recipe's JSON by dotted path; defaults not in the JSON come last.

    Raises:
        InputError: If the recipe's attack is invalid.
    """
    given = _flat({**recipe, "attack": read_attack(recipe.get("attack", {})).json()})
    others = {p: v for p, v in _DEFAULTS.items() if p not in given and not p.startswith(PLUGGED)}
    return given | others


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    leaves: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict):
            leaves |= _flat(value, f"{prefix}{key}.")
        else:
            leaves[prefix + key] = value
    return leaves


def data_of(ticket: Ticket | None) -> DataRecipe | None:
    """Return the data recipe in a ticket's provenance, if there is one."""
    try:
        return TypeAdapter(DataRecipe).validate_python(ticket.provenance["recipe"]["data"])  # type: ignore[union-attr]
    except (AttributeError, KeyError, TypeError, ValueError):
        return None


def data_like(
    ticket: Ticket | None, name: str, label_column: str | None, **changes: Any
) -> DataRecipe:
    """Return a recipe that prepares data like a ticket's own: size, colour, split.

    Args:
        ticket: Ticket whose provenance holds the data recipe. If it holds none, the settings are
            the defaults; ``size`` is also the default if the ticket takes images of another size.
        name: Known name or path of the data.
        label_column: Label column, if it must be named.
        changes: Other settings of the data; None leaves the ticket's own.
    """
    own = data_of(ticket) or DataRecipe()
    if ticket is not None and ticket.image_shape[1:] != (own.size, own.size):
        own = replace(own, size=None)
    if own.name != name:
        own = replace(own, train_images=None)  # other data: use all training images
    elif label_column is None:
        label_column = own.label_column
    given = {setting: value for setting, value in changes.items() if value is not None}
    return replace(own, name=name, label_column=label_column, **given)


def paths(kind: type = Recipe, prefix: str = "") -> list[str]:
    """Return every dotted path that ``--set`` accepts; a path in OPEN is followed by a name."""
    found = []
    defaults = kind()
    for item in fields(kind):
        value = getattr(defaults, item.name)
        if isinstance(value, Attack):
            names = ("name", "epsilon", "norm", *inner_settings())
            found += [f"{prefix}{item.name}.{name}" for name in names]
        elif is_dataclass(value):
            found += paths(type(value), f"{prefix}{item.name}.")
        else:
            found.append(prefix + item.name)
    return found


KNOWN = paths()
_DEFAULTS = _flat(Recipe().json())


def _opened(prefix: str, path: str) -> list[str]:
    """Split a path at its dots; what follows an open setting is one name, with any dots in it."""
    return [*prefix.split("."), path.removeprefix(f"{prefix}.")]


def _literal(value: Any) -> Any:
    """Return the number or boolean that a text represents; other text unchanged."""
    try:
        read = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
    return read if isinstance(read, bool | int | float) else value


def make_recipe(overrides: Mapping[str, Any]) -> Recipe:
    """Return the default recipe with some values replaced.

    Args:
        overrides: Dotted path to value; a number may be given as text. ``search.name`` changes the
            defaults of further settings.

    Raises:
        InputError: If a path is unknown (the message names the nearest) or a value is invalid.
    """
    tree: dict[str, Any] = {}
    search = search_settings(str(overrides.get("search.name", "paper")))
    for path, value in (search | dict(overrides)).items():
        opened = next((p for p in OPEN if path.startswith(f"{p}.")), None)
        if opened is None and path not in KNOWN and not path.startswith(PLUGGED):
            raise unknown("setting", path, KNOWN)
        if path in OPEN and not isinstance(value, Mapping):
            raise InputError(f"{path} needs the name of a setting: {path}.NAME={value}")
        for text in value if isinstance(value, list | tuple) else [value]:
            if isinstance(text, str):
                check_text(text, path)
        *parents, leaf = path.split(".") if opened is None else _opened(opened, path)
        node = tree
        for parent in parents:
            node = node.setdefault(parent, {})
        node[leaf] = value if opened in (None, "pattern.layers") else _literal(value)
    try:
        return _ADAPTER.validate_python(tree)
    except ValidationError as error:
        first = error.errors()[0]
        if "error" in (context := first.get("ctx", {})):  # raised by our own __post_init__
            raise InputError(str(context["error"])) from None
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{where}: {first['msg'].lower()}, got {first['input']!r}") from None
