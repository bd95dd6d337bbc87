"""From predictions to numbers: metrics, intervals, late fusion, and the documents that hold them."""
