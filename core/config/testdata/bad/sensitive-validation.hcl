# --var key=hunter2
toolchain "x86_64" {}
export "docker" {}
variable "key" {
  type      = string
  sensitive = true
  validation {
    condition     = length(var.key) > 20
    error_message = "The key ${var.key} is too short."
  }
}
