toolchain "x86_64" {}
export "docker" {}
busybox {}
busybox {
  version = "1.36.1"
}
