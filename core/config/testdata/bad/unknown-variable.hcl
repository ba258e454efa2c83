toolchain "x86_64" {}
export "docker" {}
variable "tag" {
  default = "x"
}
rootfs {
  file "/etc/motd" { content = var.tga }
}
