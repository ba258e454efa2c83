toolchain "x86_64" {}
export "docker" {}
rootfs {
  directory "/srv/%{ if true }x%{ endif }" {}
}
