"""`sam-segmenter export`: a model becomes a Triton model repository and the decoder that the service loads."""
