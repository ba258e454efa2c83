toolchain "x86_64" {}
export "rootfs" {}

rootfs {
  directory "/d" {
    xattrs = {
      "mime_type"   = "text/plain"
      "user.a=b"    = ""
      "user.twice"  = "1"
    }
    xattrs_base64 = {
      "user.twice" = "MQ=="
      "user.text"  = "not base64"
    }
  }
  directory "/e" { capabilities = "=p" }
  file "/f" {
    content      = ""
    capabilities = "cap_net_rau+ep"
  }
  file "/g" {
    content      = ""
    capabilities = "cap_net_raw+e"
  }
  program "ping" {
    path          = "bin"
    xattrs_base64 = { "security.capability" = "AAAA" }
  }
  file "/h" {
    content       = ""
    capabilities  = "cap_net_raw=ep"
    xattrs_base64 = { "security.capability" = "AQAAAgAgAAAAAAAAAAAAAAAAAAA=" }
  }
}
