"""Real HTTP servers on loopback that speak as model servers do, and misbehave on demand."""
