toolchain "x86_64" {
  from "archive" {}
}
export "docker" {}
