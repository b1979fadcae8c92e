"""The steps from reviews to a running service; each can be run alone (`python -m pipeline --help`)."""
