"""One module a command: its settings, its call, what it prints, its exit code."""
