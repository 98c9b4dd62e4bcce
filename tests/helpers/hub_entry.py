"""Entry of the model registry for tests."""

REVISION = "0123456789abcdef0123456789abcdef01234567"
ENTRY = {
    "repository": "lab/tiny",
    "revision": REVISION,
    "class": "StableDiffusion3Pipeline",
    "licence": "Apache-2.0",
    "gated": False,
    "dtype": "float32",
    "memory_gb": 0.1,
}
