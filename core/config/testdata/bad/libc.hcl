toolchain "x86_64" { libc = "muls" }
toolchain "sw64" { libc = "musl" }
toolchain "greedy" {}
export "docker" {}
