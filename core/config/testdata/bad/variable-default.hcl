toolchain "x86_64" {}
export "docker" {}
variable "jobs" {
  type    = number
  default = "many"
}
