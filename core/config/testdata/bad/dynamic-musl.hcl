toolchain "x86_64" { libc = "musl" }
busybox { static = false }
export "docker" {}
