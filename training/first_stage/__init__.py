"""First stages that run without a stack: fitted on what a fold may know, they make the lists that training, fusion and
offline evaluation read. Serving has its own sources, in gateway/candidates."""
