# A system whose compiler is built from source, with glibc.
name = "source"

toolchain "aarch64" {
  from "source" {
    glibc {}
  }
}

export "rootfs" { format = "tar" }
