"""What the wizard offers; one action, one module."""
