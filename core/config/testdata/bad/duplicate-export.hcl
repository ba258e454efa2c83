toolchain "x86_64" {}
export "docker" {}
export "docker" {
  cmd = ["/bin/sh"]
}
