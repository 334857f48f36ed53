"""Whether groups of customers are treated alike: counts, intervals and verdicts, without a single row leaving them."""
