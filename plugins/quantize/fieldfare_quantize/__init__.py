"""Change the datatype of vector fields: floats and integers, in every direction."""
