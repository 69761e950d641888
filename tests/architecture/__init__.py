"""The bars on the code, as tests; each detector is shown to catch a planted violation."""
