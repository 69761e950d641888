"""The smallest honest model: the logit of a row is the sum of its unmasked token ids, so a test can check every answer.

A row of the single id SLEEP_ID sleeps instead, so that a test can keep the worker busy for a known time.
"""

import time

import numpy as np
import triton_python_backend_utils as pb_utils

SLEEP_ID = 999
SLEEP_S = 4.0


class TritonPythonModel:
    """One execute() per batch of callers, each with its own shape."""

    def execute(self, requests):
        return [self._answer(request) for request in requests]

    @staticmethod
    def _answer(request):
        token_ids = pb_utils.get_input_tensor_by_name(request, "input_ids").as_numpy()
        mask = pb_utils.get_input_tensor_by_name(request, "attention_mask").as_numpy()
        if token_ids[0, 0] == SLEEP_ID:
            time.sleep(SLEEP_S)
        logit = (token_ids * mask).sum(axis=1, keepdims=True).astype(np.float32)
        return pb_utils.InferenceResponse([pb_utils.Tensor("logit", logit)])
