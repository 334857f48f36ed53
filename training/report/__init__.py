"""The report of the review board, rendered from facts: Python computes and words them, templates only lay them out."""
