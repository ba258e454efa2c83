toolchain "x86_64" {}
export "docker" {}
rootfs {
  dir "/srv" {}
  link "/x" { target = "y" }
}
