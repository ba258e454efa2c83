# A system whose compiler is built from source.
name = "source"

toolchain "riscv64" {
  from "source" {}
}

export "rootfs" { format = "tar" }
