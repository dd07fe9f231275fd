"""Generation: state by state, batched, cached, streaming."""
