# --var tags=a,b
toolchain "x86_64" {}
export "docker" {}
variable "tags" {
  type = list(string)
}
