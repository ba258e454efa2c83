export "docker" {}
toolchain "sw64" {
  cpus = "sw6b"
}
