"""Stores that go to others or come from them: as one file, checked, compared, put together."""
