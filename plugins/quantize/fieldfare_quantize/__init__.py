"""Change the datatype of vector fields: float64, float32, float16 and bfloat16, in every direction."""
