"""What may be a purpose, and what can never be loaded as one."""

import tomllib
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from models.errors import PermissionRefusedError, UnreadableDataError
from models.purposes import PurposeRegistry, default_purposes, load_purposes, notice_sha256, parse_purposes


def _shipped() -> dict[str, Any]:
    return tomllib.loads(resources.files("models").joinpath("purposes.toml").read_text("utf-8"))


def _with(change: Callable[[dict[str, Any]], object]) -> PurposeRegistry:
    """The shipped registry with its first purpose (opt-in, own products) changed."""
    data = _shipped()
    change(data["purpose"][0])
    return parse_purposes(tomli_w.dumps(data), source="purposes.toml")


def test_the_five_purposes_are_registered() -> None:
    assert set(default_purposes().ids) == {
        "own_product_offers", "overdraft_signal", "model_training", "service_contact", "fairness_audit",
    }  # fmt: skip


def test_only_own_product_offers_carry_products_and_never_on_care_events() -> None:
    with_products = [p for p in default_purposes().purposes if p.products]
    assert [p.id for p in with_products] == ["own_product_offers"]
    assert "C" not in with_products[0].event_classes


def test_every_notice_is_there_in_dutch_and_english_under_its_hash() -> None:
    for purpose in default_purposes().purposes:
        assert set(purpose.languages) == {"nl", "en"}
        assert purpose.notice_text("nl") != purpose.notice_text("en")
        assert notice_sha256(dict(purpose.notice)) == purpose.notice_sha256


def test_notice_is_in_force_from_the_first_moment_of_its_day_in_amsterdam() -> None:
    purpose = default_purposes().purpose("overdraft_signal")
    assert purpose.notice_start.isoformat() == "2025-12-31T23:00:00+00:00"


@pytest.mark.parametrize("day", ["", "2026-13-01", "2026-W01-1", "1 January 2026"])
def test_a_notice_without_its_first_day_is_refused(day: str) -> None:
    with pytest.raises(UnreadableDataError, match="notice_from is not a day"):
        _with(lambda purpose: purpose.update(notice_from=day))


def test_unknown_purpose_is_refused() -> None:
    with pytest.raises(PermissionRefusedError, match="not registered"):
        default_purposes().purpose("marketing")


@pytest.mark.parametrize(
    "forbidden",
    [
        "third_party_sharing", "sharing_with_partners", "data_sale_to_third_parties", "religion_offers", "sex_life",
        "health_signal", "union_membership", "political_profile", "ethnicity", "sexual_orientation", "pregnancy",
        "remittance_offers", "disability_support", "national_origin", "arrival", "conversion",
    ],
)  # fmt: skip
def test_third_parties_and_special_categories_cannot_be_loaded(forbidden: str) -> None:
    with pytest.raises(UnreadableDataError, match="can never be a purpose"):
        _with(lambda purpose: purpose.update(id=forbidden))


@pytest.mark.parametrize("missing", ["justification", "compatibility_test"])
def test_opt_out_needs_justification_and_compatibility_test(missing: str) -> None:
    complete = {"regime": "opt_out", "justification": "because", "compatibility_test": "CT-1"}
    assert _with(lambda purpose: purpose.update(complete)).purpose("own_product_offers").regime == "opt_out"
    with pytest.raises(UnreadableDataError, match="compatibility test"):
        _with(lambda purpose: purpose.update({**complete, missing: "  "}))


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"regime": "notice_only"}, "neither opt_in nor opt_out"),
        ({"event_classes": ["S", "C"]}, "never go along with products"),
        ({"event_classes": ["X"]}, "not S, L or C"),
        ({"notice_days": -1}, "notice_days"),
        ({"languages": ["nl", "en", "tr"]}, "no notice text"),
        ({"lawful_basis": ""}, "lawful basis"),
        ({"id": "Offers"}, "snake_case"),
        ({"recipients": ["somebody"]}, "unknown fields"),
        ({"id": "model_training"}, "twice"),
    ],
)
def test_faulty_purpose_is_refused_with_its_fault(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(UnreadableDataError, match=fault):
        _with(lambda purpose: purpose.update(change))


def test_changed_notice_needs_a_new_hash() -> None:
    with pytest.raises(UnreadableDataError, match="notice_sha256"):
        _with(lambda purpose: purpose["notice"].update(nl="Iets anders."))


def test_overdraft_signal_cannot_get_a_product() -> None:
    data = _shipped()
    overdraft = next(p for p in data["purpose"] if p["id"] == "overdraft_signal")
    overdraft.update(products=True, event_classes=["S"])
    with pytest.raises(UnreadableDataError, match="overdraft signal never"):
        parse_purposes(tomli_w.dumps(data), source="purposes.toml")


def test_hash_of_registry_depends_on_content_not_on_layout() -> None:
    text = resources.files("models").joinpath("purposes.toml").read_text("utf-8")
    assert parse_purposes("# a remark\n" + text, source="x").sha256 == default_purposes().sha256
    assert _with(lambda purpose: purpose.update(notice_days=1)).sha256 != default_purposes().sha256


@pytest.mark.parametrize("text", ["", "not toml [", 'version = "1"\n', "[[purpose]]\nid = 'x'\n"])
def test_no_registry_is_a_readable_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(text)
    with pytest.raises(UnreadableDataError, match=r"p\.toml"):
        load_purposes(path)


def test_missing_file_is_a_readable_error(tmp_path: Path) -> None:
    with pytest.raises(UnreadableDataError):
        load_purposes(tmp_path / "nowhere.toml")
