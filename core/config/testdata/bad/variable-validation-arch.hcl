toolchain "x86_64" {}
export "docker" {}
variable "level" {
  default = 1
  validation {
    condition     = arch == "x86_64"
  }
}
