toolchain "x86_64" {}
export "docker" {}
busybox {
  url = "mirror/busybox.tar.bz2"
  urls = ["https://example.org/b.tar.bz2", "ftp://example.org/b.tar.bz2"]
}
