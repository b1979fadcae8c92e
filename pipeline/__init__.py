"""The steps from reviews to a running service, each of which can run alone (`python -m pipeline --help`)."""
