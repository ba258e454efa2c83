store = "x
