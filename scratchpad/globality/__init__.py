"""The globality degree: how many tokens a model must combine to predict the next token (Abbe et al. 2024)."""
