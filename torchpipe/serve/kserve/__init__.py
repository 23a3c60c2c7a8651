"""KServe v2, the Open Inference Protocol: what `tritonclient` and others speak.

After the specification of its REST part, version 2,
https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
and Triton's extensions of it. Shapes are lists of sizes, `[2, 3]`, as the protocol writes them.

Reading order: shown, datatype, tensor, blob and listed (the two ways in which a tensor travels);
fields, parameters, request and response (the whole of an inference, as pure functions from bytes to
tensors and back); kinds and model (a pipeline in the protocol's words), sequences, compression and
routes (the service).
"""
