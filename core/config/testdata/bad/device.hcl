toolchain "x86_64" {}
export "docker" {}
rootfs {
  device "/dev/a" {
    type = "chr"
    major = 1
    minor = 3
  }
  device "/dev/b" {
    type  = "char"
    major = 4096
    minor = "x"
  }
  device "/dev/c" {}
}
