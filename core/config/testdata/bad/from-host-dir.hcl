export "docker" {}
toolchain "x86_64" {
  from "host" { dir = "/opt" }
}
