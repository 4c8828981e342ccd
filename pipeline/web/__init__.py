"""The web application: one page from which pipelines are started, steered and watched; each runs in its own process."""
