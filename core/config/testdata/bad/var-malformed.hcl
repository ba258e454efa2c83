# --var swgcc
toolchain "x86_64" {}
export "docker" {}
variable "swgcc" {
  default = null
}
