name = local.x
toolchain "x86_64" {}
export "docker" {}
locals {
  x = "${name}!"
}
