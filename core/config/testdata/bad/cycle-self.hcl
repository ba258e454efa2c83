toolchain "x86_64" {}
export "docker" {}
locals {
  a = "${local.a}!"
}
