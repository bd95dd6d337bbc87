"""CSSIModel: frame ResNets, DINet-R, and the heads over the segments' matrix (SPEC 1)."""
