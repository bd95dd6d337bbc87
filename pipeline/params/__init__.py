"""params.yaml as frozen sections that refuse what they do not know."""
