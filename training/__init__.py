"""Makes releases: simulates banks, learns from labelled bookings, evaluates, signs and promotes."""
