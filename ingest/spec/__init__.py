"""The dataset: YAML to frozen objects, and the wording of its problems."""
