"""From what a user gives to single samples."""
