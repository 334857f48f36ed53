"""Fairness after a release: what was told month by month, counted per group, with an alarm that may be read any day."""
