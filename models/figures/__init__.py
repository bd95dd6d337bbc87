"""Parameters and FLOPs, counted from the modules, beside the papers' printed figures."""
