"""A virtual machine whose processor has protection keys: the parts of `scripts/on-keys`."""
