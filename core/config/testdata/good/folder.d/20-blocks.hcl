toolchain "aarch64" {}
export "rootfs" { format = local.format }
rootfs {
  overlay "/" { source = "files" }
}
