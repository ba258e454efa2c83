toolchain "x86_64" {}
export "docker" {}
variable "x" {
  default = 1
}
variable "x" {
  default = 2
}
