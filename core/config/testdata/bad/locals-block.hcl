toolchain "x86_64" {}
export "docker" {}
locals {
  a {
    b = 1
  }
}
