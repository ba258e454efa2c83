variable "secret" {
  sensitive = true
  default   = "no package"
}
export "docker" {}
toolchain "x86_64" {
  from "deb" {
    packages = []
    suite    = "../bookworm"
  }
  from "deb" {
    packages = ["gcc", "Gcc", "gcc-12=12.2", "gcc-", "--yes"]
    suite    = ""
    arch     = "amd64"
  }
  from "deb" { packages = "gcc" }
  from "deb" { packages = [var.secret] }
}
