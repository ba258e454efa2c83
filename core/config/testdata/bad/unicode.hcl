name = "mini"
# 你好
toolchain "x86_64" {}
export "docker" {}
rootfs {
  file "/etc/motd" { contents = "你好，世界" }
}
