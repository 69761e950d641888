"""A cross-encoder on a GPU without padding: the rows of a batch stand one behind the other, attention keeps to each
row, small batches are replayed as CUDA graphs. Export copies this package beside `model.py` into versions for GPUs, so
it must import nothing of the project. Needs torch, safetensors and numpy."""
