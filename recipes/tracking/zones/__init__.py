"""Lines and polygons in the picture that count who passes them."""
