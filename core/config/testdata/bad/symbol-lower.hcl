toolchain "x86_64" {}
export "docker" {}
busybox {
  set = { static = true }
}
