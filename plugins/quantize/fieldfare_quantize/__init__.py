"""The quantize plugin of fieldfare."""
