toolchain "x86_64" {}
export "docker" {
  cmd = ["/bin/sh", ["-c"]]
}
