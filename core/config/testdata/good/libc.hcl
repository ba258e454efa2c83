toolchain "x86_64" { libc = "musl" }
toolchain "aarch64" { libc = "glibc" }
toolchain "loongarch64" {
  libc = "musl"
}
export "docker" {}
busybox { static = false }
