toolchain "x86_64" {}
export "docker" {}
locals {
  x = 1
}
locals {
  x = 2
}
