"""Parameters and FLOPs, counted from the modules, beside what the papers print."""
