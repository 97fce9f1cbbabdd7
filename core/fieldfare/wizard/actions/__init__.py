"""The actions of the wizard."""
