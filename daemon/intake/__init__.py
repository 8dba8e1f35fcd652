"""How work comes in: submissions and watched folders."""
