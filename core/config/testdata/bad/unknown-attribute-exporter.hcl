toolchain "x86_64" {}
export "docker" {
  tga = "mini:latest"
}
