"""The spatiotemporal interaction network: two paths that attend to each other (SPEC 4.1 to 4.3)."""
