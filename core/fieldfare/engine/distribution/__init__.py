"""What a coordinator and its workers in other processes tell each other: tasks, outcomes, orders."""
