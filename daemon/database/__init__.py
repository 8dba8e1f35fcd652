"""The engine and its pool, what its errors mean, and what it tells of itself."""
