export "docker" {}
toolchain "x86_64" {
  from "path" {
    dir    = "/opt/gcc"
    prefix = "bin/x86_64-linux-gnu-"
  }
}
