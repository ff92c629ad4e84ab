"""Who is remembered, for how long, and how a person is told of and erased from everything that is kept."""
