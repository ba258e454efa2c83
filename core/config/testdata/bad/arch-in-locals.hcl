toolchain "x86_64" {}
export "docker" {}
locals {
  tag = "mini:${arch}"
}
