# --var-file null.vars.hcl
toolchain "x86_64" {}
export "docker" {}
variable "x" {
  type     = string
  nullable = false
}
