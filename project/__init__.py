"""Shared by the project's commands: paths, the user's choices, the console, child processes, ports."""
