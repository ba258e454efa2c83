export "docker" {}
toolchain "aarch64" {}
toolchain "vendor64" {
  licence = "x"
}
