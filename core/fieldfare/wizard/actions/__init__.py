"""The actions of the wizard, one module each."""
