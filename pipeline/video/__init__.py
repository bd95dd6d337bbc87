"""NumPy work on pictures: decoding, boxes, cropping, resizing, colours, sampling, augmentation."""
