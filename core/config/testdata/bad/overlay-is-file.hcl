toolchain "x86_64" {}
export "docker" {}
rootfs {
  overlay "/" { source = "/dev/null" }
}
