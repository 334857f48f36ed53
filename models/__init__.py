"""What training and serving share: the vocabulary of bookings, events and permission, and the estimators."""
