tag      = 5
greeting = "from the file"
without  = ["ftpd"]
options  = { names = ["a", "b"] }
nobody   = "declares this"
