"""Operations on images, one home for each: decoding, encoding, colour, morphology, matting, harmonisation, inpainting.

Functions take and return arrays, and know nothing of pairs, tasks or runs.
"""
