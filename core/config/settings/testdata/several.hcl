stor = "/x"
jobs = 0
offline = "perhaps"
mirrors = {
  "busybox.net" = ["https://mirror.example/"]
  "https://busybox.net/" = ["ftp://mirror.example/", "/srv"]
}
proxy {
  http = "user:secret@proxy"
  htps = "http://proxy"
}
proxies {}
