"""The terminal screen of `cleanplate top`: watches one run, and steers it by keys."""
