"""Images as files and arrays: decoding, encoding, value ranges, headers and labelled sheets."""
