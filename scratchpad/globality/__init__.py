"""How global a task is: how many tokens must be seen together to know more about the next one (Abbe et al. 2024)."""
