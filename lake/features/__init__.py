"""Feature sets: registered, written with proof of what they were made from, and served as they were knowable."""
