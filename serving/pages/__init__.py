"""Pages for people, made on the server: customers, the review board, contact colleagues and operations."""
