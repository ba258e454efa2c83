# All architectures that Debian 12 has a cross compiler for, with just enough
# of busybox to see that code for them is right. The compilers are unpacked
# packages: none need be installed.
name = "archs"

toolchain "aarch64" {
  from "deb" {}
}

toolchain "alpha" {
  from "deb" {}
}

toolchain "armv5" {
  from "deb" {}
}

toolchain "armv7" {
  from "deb" {}
}

toolchain "i686" {
  from "deb" {}
}

toolchain "mips64el" {
  from "deb" {}
}

toolchain "ppc64le" {
  from "deb" {}
}

toolchain "riscv64" {
  from "deb" {}
}

toolchain "s390x" {
  from "deb" {}
}

busybox {
  applets {
    only = ["cat", "ls", "sh", "sha256sum", "uname"]
  }
}

export "rootfs" {
  format = "tar"
}

export "oci" {
  tag = "archs:latest"
}
