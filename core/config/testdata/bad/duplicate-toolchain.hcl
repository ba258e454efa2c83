toolchain "x86_64" {}
export "docker" {}

toolchain "x86_64" {
  from "host" {}
}
