toolchain "x86_64" {}
export "docker" {}
busybox {
  version = "1.34.0"
}
