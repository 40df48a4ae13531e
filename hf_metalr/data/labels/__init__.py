"""From labels to what is learned: tasks, classes and their numbers, the same in every command."""
