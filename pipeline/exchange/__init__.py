"""Stores and skeletons on their way in and out: importing, pushing, PYSKL's pickles."""
