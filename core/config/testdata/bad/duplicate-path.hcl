toolchain "x86_64" {}
export "docker" {}
rootfs {
  file "/etc/motd" {
    content = "a"
  }
}
rootfs {
  symlink "/etc/motd" {
    target = "issue"
  }
}
