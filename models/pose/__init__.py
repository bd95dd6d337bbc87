"""Networks of others that find people and their joints: mmpose's, and ONNX files through rtmlib. Known here alone."""
