"""What training the inpainting specialist needs of photos: holes, batches, the data set."""
