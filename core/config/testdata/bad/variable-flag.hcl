toolchain "x86_64" {}
export "docker" {}
variable "x" {
  default   = 1
  sensitive = "maybe"
  nullable  = 1 == 1 ? var.y : true
}
