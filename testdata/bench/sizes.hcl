# The whole busybox for all architectures that Debian has a cross compiler for,
# to compare its sizes with glibc and musl:
#
#   mkmini -c testdata/bench/sizes.hcl --plain 2>&1 | grep 'busybox: done'
#   mkmini -c testdata/bench/sizes.hcl --var libc=musl --plain ...

variable "libc" {
  type    = string
  default = "glibc"
}

name = "sizes"

toolchain "aarch64" {
  libc = var.libc
  from "deb" {}
}

# musl does not know it.
toolchain "alpha" {
  from "deb" {}
}

toolchain "armv5" {
  libc = var.libc
  from "deb" {}
}

toolchain "armv7" {
  libc = var.libc
  from "deb" {}
}

toolchain "i686" {
  libc = var.libc
  from "deb" {}
}

toolchain "mips64el" {
  libc = var.libc
  from "deb" {}
}

toolchain "ppc64le" {
  libc = var.libc
  from "deb" {}
}

toolchain "riscv64" {
  libc = var.libc
  from "deb" {}
}

toolchain "s390x" {
  libc = var.libc
  from "deb" {}
}

toolchain "x86_64" {
  libc = var.libc
}

export "rootfs" {
  format = "tar"
}
