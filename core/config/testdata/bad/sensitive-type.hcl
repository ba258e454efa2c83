# --var key=hunter2
toolchain "x86_64" {}
export "docker" {}
variable "key" {
  type      = number
  sensitive = true
}
