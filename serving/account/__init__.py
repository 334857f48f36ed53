"""The account for a supervisor: facts from store, registry and releases, and one page that shows them."""
