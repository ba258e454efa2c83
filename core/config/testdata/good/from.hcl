variable "none" {
  type    = string
  default = null
}

toolchain "aarch64" {
  from "archive" {
    url    = "https://vendor.example/gcc.tar.xz"
    urls   = ["http://mirror.example/gcc.tar.xz"]
    sha256 = "3311DFF32E746499F4DF0D5DF04D7EB396382D7E108BB9250E7B519B837043A4"
    strip  = 1
    bin    = "opt/bin/"
    prefix = "aarch64-vendor-linux-gnu-"
  }
  from "archive" { file = "vendor/gcc.tar.gz" }
  from "archive" { file = var.none }
  from "archive" {
    url    = var.none
    sha256 = var.none
  }
  from "oci" { image = "registry.example:5000/tools/gcc:12" }
  from "oci" {
    image  = "tools/gcc@sha256:3311dff32e746499f4df0d5df04d7eb396382d7e108bb9250e7b519b837043a4"
    bin    = "/opt/cross/bin"
    prefix = "aarch64-linux-gnu-"
  }
  from "oci" { image = "./images/gcc.oci.tar" }
  from "oci" { image = "/srv/images/gcc" }
  from "oci" { image = var.none }
}
export "docker" {}
