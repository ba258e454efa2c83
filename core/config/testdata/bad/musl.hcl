musl {
  version = "1.2.3"
  sha256  = "12"
  colour  = "red"
}
toolchain "loongarch64" { libc = "musl" }
export "docker" {}
