# --var-file bad.vars.hcl
toolchain "x86_64" {}
export "docker" {}
variable "jobs" {
  type    = number
  default = 1
}
variable "tag" {
  default = "x"
}
