# A system that is built with the plugin: make example
name = "mini"

toolchain "riscv64" {}

export "rootfs" { format = "cpio.gz" }
