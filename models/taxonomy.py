"""The life events as reviewable data: what starts each, what may be offered on it and what never.

The review board owns `taxonomy.toml`. Its hash travels with every output, so that an answer can always be traced to
the list it was given under.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, get_args

from models.canonical import canonical_json, sha256_of
from models.errors import UnreadableDataError

_MOST_DAYS = 3660  # ten years: more is a typing error
NONE = "none"
SCREENED = "screened"
OfferClass = Literal["S", "L", "C"]
ToldFrom = Literal["bookings", "series", "absence", "balance"]
# Special categories and prejudice by another name: never an event, whatever a file says (design rule 8).
FORBIDDEN = frozenset(
    {
        "pregnancy",
        "illness",
        "disability",
        "arrival",
        "immigration",
        "naturalisation",
        "religious_feast",
        "conversion",
        "religion",
        "political_activity",
        "detention",
        "addiction",
        "partner_gender",
    }
)


@dataclass(frozen=True, slots=True)
class Offerable:
    """An own product that may be offered on an event, not before `after_days` days from its onset."""

    product: str
    after_days: int


@dataclass(frozen=True, slots=True)
class Product:
    """An own product of the bank."""

    id: str
    kind: str
    nl: str
    en: str


@dataclass(frozen=True, slots=True)
class LifeEvent:
    """One life event; the fields are explained at the head of `taxonomy.toml`."""

    number: int
    id: str
    nl: str
    en: str
    starts: str
    told_from: tuple[ToldFrom, ...]
    offer_class: OfferClass
    products: tuple[Offerable, ...]
    never: tuple[str, ...]
    history_days: int
    useful_days: int
    reason_nl: str
    reason_en: str
    retired: bool = False


@dataclass(frozen=True)
class Taxonomy:
    """A version of the list of life events, with its products and its hash."""

    version: str
    events: tuple[LifeEvent, ...]
    products: tuple[Product, ...]
    sha256: str

    @property
    def ids(self) -> tuple[str, ...]:
        """Ids of the events in force, in order of number."""
        return tuple(event.id for event in self.events if not event.retired)

    @property
    def booking_labels(self) -> tuple[str, ...]:
        """Ids of the events that single bookings can be labelled with, and `none`."""
        return (*(e.id for e in self.events if "bookings" in e.told_from and not e.retired), NONE)

    def event(self, event_id: str) -> LifeEvent:
        """The event with this id; KeyError when there is none."""
        return {event.id: event for event in self.events}[event_id]

    def product(self, product_id: str) -> Product:
        """The product with this id; KeyError when there is none."""
        return {product.id: product for product in self.products}[product_id]


@cache
def default_taxonomy() -> Taxonomy:
    """The taxonomy that ships with Levensloop."""
    return parse_taxonomy(resources.files("models").joinpath("taxonomy.toml").read_text("utf-8"), source="taxonomy")


def load_taxonomy(path: str | Path) -> Taxonomy:
    """Read a taxonomy file; only `id` is needed per event, the rest has careful defaults (class C: nothing is sold).

    Raises
    ------
    UnreadableDataError
        Not TOML, not a taxonomy, an id twice, or an event that may never be one.
    """
    path = Path(path)
    try:
        return parse_taxonomy(path.read_text("utf-8"), source=path.name)
    except (OSError, UnicodeDecodeError) as error:
        raise UnreadableDataError(f"{path.name} cannot be read. Give a taxonomy in TOML.") from error


def parse_taxonomy(text: str, *, source: str) -> Taxonomy:
    """Build a taxonomy from TOML text."""
    try:
        data = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UnreadableDataError(f"{source} is not TOML: {error}") from error
    products = tuple(Product(**product) for product in data.get("product", []))
    events = tuple(
        _parse_event(number, raw, source=source) for number, raw in enumerate(data.get("event", []), start=1)
    )
    _validate(events, products, source=source)
    return Taxonomy(str(data.get("version", "0")), events, products, canonical_sha256(data))


def canonical_sha256(data: Any) -> str:
    """SHA-256 of data as canonical JSON: comments and layout of the file do not count, content does."""
    return sha256_of(canonical_json(data).encode())


def _parse_event(number: int, raw: dict[str, Any], *, source: str) -> LifeEvent:
    if "id" not in raw:
        raise UnreadableDataError(f"{source}: event {number} has no id.")
    name = str(raw["id"])
    unknown = set(raw) - set(LifeEvent.__dataclass_fields__)
    if unknown:
        raise UnreadableDataError(f"{source}: event {name} has unknown fields: {', '.join(sorted(unknown))}.")
    readable = name.replace("_", " ")
    defaults: dict[str, Any] = {
        "number": number,
        "nl": readable,
        "en": readable,
        "starts": "",
        "told_from": ("bookings",),
        "offer_class": "C",
        "never": (),
        "history_days": 180,
        "useful_days": 180,
        "reason_nl": f"We zagen bij- of afschrijvingen die horen bij: {readable}.",
        "reason_en": f"We saw bookings that belong to: {readable}.",
    }
    offers = tuple(Offerable(str(o["id"]), int(o.get("after_days", 0))) for o in raw.get("products", []))
    lists = {"never": tuple(raw.get("never", ())), "told_from": tuple(raw.get("told_from", ("bookings",)))}
    return LifeEvent(**{**defaults, **raw, **lists, "products": offers})


def _validate(events: tuple[LifeEvent, ...], products: tuple[Product, ...], *, source: str) -> None:
    if not events:
        raise UnreadableDataError(f"{source} has no [[event]] in it, so it is not a taxonomy.")
    ids = [event.id for event in events]
    kinds = {product.id: product.kind for product in products}
    faults = [f"id {i} stands there twice" for i in sorted({i for i in ids if ids.count(i) > 1})]
    faults += [f"{i} may never be an event" for i in ids if i in FORBIDDEN or i in (NONE, SCREENED)]
    for event in events:
        if not 0 <= event.history_days <= _MOST_DAYS or not 0 <= event.useful_days <= _MOST_DAYS:
            faults.append(f"{event.id} has history_days or useful_days outside 0 to {_MOST_DAYS}")
        if not set(event.told_from) <= set(get_args(ToldFrom)) or event.offer_class not in get_args(OfferClass):
            faults.append(f"{event.id} has an unknown told_from or offer_class")
        if event.offer_class == "C" and event.products:
            faults.append(f"{event.id} is a care event and can carry no product")
        faults += [f"{event.id} offers unknown product {o.product}" for o in event.products if o.product not in kinds]
        faults += [
            f"{event.id} offers {o.product}, which its never-list forbids"
            for o in event.products
            if kinds.get(o.product) in event.never or o.product in event.never
        ]
    if faults:
        raise UnreadableDataError(f"{source} is not a valid taxonomy: {'; '.join(faults)}.")
