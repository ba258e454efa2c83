toolchain "x86_64" {}
export "rootfs" {
  format = "cpio.gzip"
}
