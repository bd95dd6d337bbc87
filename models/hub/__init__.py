"""Networks of timm and transformers as backbones, from files on this machine alone."""
