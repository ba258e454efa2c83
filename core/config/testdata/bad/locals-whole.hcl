toolchain "x86_64" {}
export "docker" {}
locals {
  a = 1
  b = keys(local)
}
