"""What messages are made of, and how they reach people."""
