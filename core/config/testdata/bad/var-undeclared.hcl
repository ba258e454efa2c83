# --var swgc=/opt/secret
toolchain "x86_64" {}
export "docker" {}
variable "swgcc" {
  default = null
}
