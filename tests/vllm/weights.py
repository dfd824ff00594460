"""Turn a GGUF file into a folder that vLLM reads; runs in vLLM's own environment: `weights.py FILE FOLDER`."""

import sys
from pathlib import Path

THINK_TAGS = ["<think>", "</think>"]
"""The model hardly ever writes them; with them in its vocabulary, vLLM can begin and end its thinking."""


def convert(file: Path, folder: Path) -> None:
    """Write tokenizer, chat template and weights in bfloat16: 270 MB for the model of the tests."""
    import torch  # here: the environment that collects the tests has neither
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    tokenizer.add_tokens(THINK_TAGS)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)  # the new embeddings are drawn
    model = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
    )
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(folder)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
