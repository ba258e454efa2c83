musl { version = "1.1.0" }
toolchain "x86_64" { libc = "musl" }
export "docker" {}
