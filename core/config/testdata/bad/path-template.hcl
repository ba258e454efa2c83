toolchain "x86_64" {}
export "docker" {}
rootfs {
  directory "/srv/${arch}" {}
}
