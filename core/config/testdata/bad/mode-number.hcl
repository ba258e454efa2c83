toolchain "x86_64" {}
export "docker" {}
rootfs {
  directory "/srv" { mode = 0755 }
}
