export "docker" {}
toolchain "x86_64" {
  cpu = "k8"
}
