toolchain "x86_64" {}
export "docker" {}
variable "my var" {
  default = 1
}
