"""fairlearn's point values, the reference for ours, on the one kind of input where fairlearn means what we mean.

On texts fairlearn takes everything but 1 for negative and answers 0.0 without a word: real gaps of 60 points are none.
Therefore nothing but 0/1 columns of one event against the rest comes through here.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame, count, false_positive_rate, selection_rate, true_positive_rate
from sklearn.metrics import precision_score

from models.errors import UsageError

METRICS: Mapping[str, Any] = {
    "recall": true_positive_rate,
    "offer_rate": selection_rate,
    "precision": precision_score,
    "false_positive_rate": false_positive_rate,
    "n": count,
}


def metric_frame(true: Any, predicted: Any, groups: pd.Series, *, metrics: Mapping[str, Any] = METRICS) -> MetricFrame:
    """A MetricFrame of one event against the rest.

    Raises
    ------
    UsageError
        A column holds anything but 0 and 1, or a length differs.
    """
    columns = [np.asarray(values) for values in (true, predicted)]
    if len({len(values) for values in (*columns, groups)}) > 1:
        raise UsageError("fairlearn needs true, predicted and groups of one length.")
    for values in columns:
        if values.dtype.kind not in "biuf" or not np.isin(values, (0, 1)).all():
            raise UsageError("fairlearn is asked about one event against the rest only. Give columns of 0 and 1.")
    y_true, y_pred = (values.astype(int) for values in columns)
    return MetricFrame(metrics=dict(metrics), y_true=y_true, y_pred=y_pred, sensitive_features=groups)
