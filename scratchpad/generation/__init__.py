"""Generation: models write states one by one, in batches and with a cache."""
