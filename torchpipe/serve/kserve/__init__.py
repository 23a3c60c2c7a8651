"""KServe v2, the Open Inference Protocol: what `tritonclient` and others speak.

Read in this order: `request` and `response` are the whole of an inference, as pure functions from
bytes to tensors and back; `blob` and `listed` are the two ways in which a tensor travels.
"""
