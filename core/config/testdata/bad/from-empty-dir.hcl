export "docker" {}
toolchain "x86_64" {
  from "path" { dir = "" }
}
