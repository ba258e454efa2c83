toolchain "x86_64" {}
export "docker" {}
rootfs {
  motd = "x"
}
