"""The demo dataset: recordings drawn by us, in NTU RGB+D's form, with ceilings by construction."""

from pipeline.demo.make import DemoReport, make_demo
from pipeline.demo.scenario import FULL, SIZES, SMALL, DemoSize

__all__ = ["FULL", "SIZES", "SMALL", "DemoReport", "DemoSize", "make_demo"]
