"""What `bench init` and `bench new-method` fill in: a method that runs as it stands, and pieces of suites."""
