#!/usr/bin/env bash
# transformers 5.24.0, torch 2.14.1 (several GB to install), safetensors 0.8.0.
#
# Expected: the file that `save_pretrained` writes holds the model's own state dict, so that `load_state_dict` of the
# same class, made from the same config, takes it whole.
# Happens: for VideoMAE it holds names that the class has not had since 5.0: `attention.attention.q_bias` and `v_bias`, where
# the modules have `query.bias` and `value.bias`. `from_pretrained` renames them. Read with `load_state_dict(strict=False)`, as
# backbones without their classifier often are, the model keeps the biases it was made with, and no error is raised.
# Seen:
#   transformers 5.24.0: 32 tensors in the file, 32 in the model, 28 of one name
#   left as they were: encoder.layer.0.attention.attention.query.bias, encoder.layer.0.attention.attention.value.bias, encoder.layer.1.attention.attention.query.bias, encoder.layer.1.attention.attention.value.bias
#   same outputs: from_pretrained True, load_state_dict False
. "$(dirname "$0")/lib.sh" transformers==5.24.0 torch==2.14.1 safetensors==0.8.0
cat >check.py <<'PY'
import torch
import transformers
from safetensors.torch import load_file
from transformers import VideoMAEConfig, VideoMAEModel

config = VideoMAEConfig(
    image_size=32, num_frames=4, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
)
torch.manual_seed(0)
model = VideoMAEModel(config).eval()
for values in model.parameters():
    torch.nn.init.normal_(values)  # as trained ones: no bias is 0
model.save_pretrained("saved")
saved, own = load_file("saved/model.safetensors"), model.state_dict()
print(f"transformers {transformers.__version__}:", len(saved), "tensors in the file,", len(own), "in the model,",
      len(saved.keys() & own.keys()), "of one name")
plain = VideoMAEModel(config).eval()
told = plain.load_state_dict(saved, strict=False)
print("left as they were:", ", ".join(told.missing_keys))
again = VideoMAEModel.from_pretrained("saved").eval()
clip = torch.randn(1, 4, 3, 32, 32)
with torch.no_grad():
    right, renamed, left = (one(clip).last_hidden_state for one in (model, again, plain))
print("same outputs: from_pretrained", torch.equal(right, renamed), "load_state_dict", torch.equal(right, left))
assert (len(saved), len(own), len(saved.keys() & own.keys())) == (32, 32, 28)
assert all(name.endswith(("query.bias", "value.bias")) for name in told.missing_keys)
assert len(told.missing_keys) == len(told.unexpected_keys) == 4
assert torch.equal(right, renamed)
assert not torch.equal(right, left)
PY
python check.py 2>/dev/null
