toolchain "x86_64" {}
export "docker" {}
rootfs {
  overlay "/" { source = "overlay-is-file.hcl" }
}
