# env MKMINI_VAR_debug=on
toolchain "x86_64" {}
export "docker" {}
variable "debug" {
  type = bool
}
