name = "split-${local.n}"
