toolchain "x86_64" {}
export "docker" {}
rootfs {
  symlink "/a" {}
  symlink "/b" { target = "" }
}
