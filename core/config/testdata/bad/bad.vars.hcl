jobs = "many"
tagg = "y"
tag  = upper("y")
block {}
