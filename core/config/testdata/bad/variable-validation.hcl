# --var level=11
toolchain "x86_64" {}
export "docker" {}
variable "level" {
  type = number
  validation {
    condition     = var.level <= 10
    error_message = "The level goes to 10, and ${var.level} is more."
  }
}
