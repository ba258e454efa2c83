# Every architecture in every format, for the end-to-end tests.
name = "minios"

variable "swgcc" {
  type        = string
  default     = null
  description = "the folder of a sw64 compiler"
}

toolchain "x86_64" {
  from "host" {}
}

toolchain "aarch64" {
  from "host" {}
}

toolchain "sw64" {
  from "path" { dir = var.swgcc }
  from "host" {}
}

rootfs {
  directory "/srv" {
    mode = "0750"
    uid  = 12
    gid  = 34
  }
  file "/etc/motd" {
    content = "mini ${arch}\n"
  }
  symlink "/etc/issue" { target = "motd" }
  device "/dev/console" {
    type  = "char"
    major = 5
    minor = 1
  }
}

export "docker" {
  tag    = "minios:latest"
  labels = { "org.example.kind" = "test" }
  env    = { GREETING = "hello" }
}

export "oci" {
  tag = "minios:latest"
}

export "oci" {
  tag     = "minios:latest"
  archive = true
}

export "rootfs" { format = "dir" }
export "rootfs" { format = "tar" }
export "rootfs" { format = "tar.gz" }
export "rootfs" { format = "tar.xz" }
export "rootfs" { format = "tar.zst" }
export "rootfs" { format = "cpio" }
export "rootfs" { format = "cpio.gz" }
export "rootfs" { format = "cpio.xz" }
export "rootfs" { format = "cpio.zst" }
