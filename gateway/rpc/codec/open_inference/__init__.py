"""Messages of the open inference protocol (KServe v2, as Triton speaks it) to domain values and back."""
