"""The migrations, oldest first: `r<number>_<what it brings>.py`."""
