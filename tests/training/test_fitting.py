"""What the detector is fitted on beside the whole: what one bank of two sees."""

import numpy as np
import pandas as pd

from training.fitting import seen_in_part


def test_half_of_the_telling_counterparties_are_gone_with_all_their_bookings_and_nothing_else() -> None:
    rows = [
        (f"c{customer}", f"party {chr(97 + party)}") for customer in range(20) for party in range(20) for _ in range(3)
    ]
    bookings = pd.DataFrame(rows, columns=["customer_id", "counterparty_name"]).astype("str")
    bookings[["counterparty_iban", "creditor_id"]] = ""
    number = bookings["counterparty_name"].str[-1].map(ord).to_numpy() - 97
    first = np.arange(len(bookings)) % 3 == 0
    telling = np.where(first & (number < 10), 0.9, 0.1)  # one booking of three tells, of ten counterparties
    seen = seen_in_part(bookings, telling, seed=1)
    by_party = bookings.assign(seen=seen).groupby(["customer_id", "counterparty_name"])["seen"]
    assert (by_party.min() == by_party.max()).all()
    assert seen[number >= 10].all()
    assert 0.4 < seen[number < 10].mean() < 0.6
    assert (seen_in_part(bookings, telling, seed=1) == seen).all()
