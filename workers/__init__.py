"""The thinking: models and maths, nothing of people or pages."""

import importlib.util
import sys
import types

# reasoning-gym imports pycosat for its zebra puzzles alone. It has no wheel, and `make run` must not need a compiler.
if importlib.util.find_spec("pycosat") is None:
    sys.modules["pycosat"] = types.ModuleType("pycosat")
