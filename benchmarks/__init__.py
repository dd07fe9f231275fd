"""The public implementation that scratchpad is measured against, and measurements of data sets."""
