"""What scratchpad is measured against."""
