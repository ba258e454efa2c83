toolchain "x86_64" {}
export "docker" {}
variable "x" {
  default = arch
}
