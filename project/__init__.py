"""What the project's commands share: paths, a person's choices, the console, child processes, ports."""
