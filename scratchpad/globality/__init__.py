"""The globality degree: how many tokens a model must combine to predict the next one (Abbe et al. 2024)."""
