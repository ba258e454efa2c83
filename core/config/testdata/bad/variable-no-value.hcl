toolchain "x86_64" {}
export "docker" {}
variable "swgcc" {
  type = string
}
