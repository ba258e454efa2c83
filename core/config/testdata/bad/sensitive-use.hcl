# --var key=hunter2
toolchain "x86_64" {}
variable "key" {
  type      = string
  sensitive = true
}
locals {
  derived = "${var.key}/../x"
  number  = parseint(var.key, 10)
}
export "rootfs" {
  format = var.key
}
busybox {
  version = var.key
  file    = local.derived
  set     = { FOO = { x = var.key } }
  applets {
    only = [local.derived]
  }
}
rootfs {
  directory "/a" { mode = var.key }
  symlink "/b" { target = substr(var.key, 0, 0) }
}
