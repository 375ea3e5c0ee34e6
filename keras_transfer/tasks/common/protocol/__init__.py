"""What a task can do: the parts of `tasks.Task`, with defaults."""
