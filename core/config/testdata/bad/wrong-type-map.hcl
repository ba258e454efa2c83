toolchain "x86_64" {}
export "docker" {
  env = ["A=b"]
}
