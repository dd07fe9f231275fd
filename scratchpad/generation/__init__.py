"""Generation: state by state, batched, cached, streamed."""
