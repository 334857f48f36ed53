"""The people's side: what colleagues ask, write and promise, and what they should understand before they do."""
