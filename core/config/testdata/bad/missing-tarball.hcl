toolchain "x86_64" {}
export "docker" {}
busybox {
  file = "busybox.tar.bz2"
}
