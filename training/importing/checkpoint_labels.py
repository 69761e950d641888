"""Two labels to one logit, without loss: softmax over two logits is the sigmoid of their difference."""

import torch
from transformers import PreTrainedModel


def fold_two_labels(model: PreTrainedModel, positive: int) -> None:
    """Makes the head give ``logit[positive] − logit[other]``, in place, and the configuration say one label."""
    name, head = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module.out_features == 2
    ][-1]
    folded = torch.nn.Linear(head.in_features, 1, bias=head.bias is not None)
    with torch.no_grad():
        folded.weight.copy_(head.weight[positive] - head.weight[1 - positive])
        if head.bias is not None:
            folded.bias.copy_(head.bias[positive] - head.bias[1 - positive])
    model.set_submodule(name, folded)
    model.config.num_labels = 1
    model.eval()
