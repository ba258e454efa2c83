plugins {
  mirror    = ""
  signature = "yes"
  keys      = { vendor = "RWQf", other = "untrusted comment: minisign public key" }
  overides  = {}
  overrides = { board = "" }
}
