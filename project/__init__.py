"""What the commands of this project share: its paths, what a person chose, the console, child processes, ports."""
