"""Data of inpainting training: photos with random holes, and batches of them."""
