toolchain "x86_64" {}
export "docker" {}
toolchain "aarch64" {}
rootfs {
  file "/etc/motd" { content = arhc }
}
