"""KServe v2, the Open Inference Protocol: what `tritonclient` and others speak.

Reading order: shown, datatype, tensor, blob and listed (the two ways in which a tensor travels);
fields, parameters, request and response (the whole of an inference, as pure functions from bytes to
tensors and back); kinds and model (a pipeline in the protocol's words), sequences, compression and
routes (the service).
"""
