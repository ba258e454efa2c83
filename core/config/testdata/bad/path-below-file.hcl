toolchain "x86_64" {}
export "docker" {}
rootfs {
  file "/etc/conf/a" { content = "" }
  symlink "/etc/conf" { target = "/tmp" }
}
