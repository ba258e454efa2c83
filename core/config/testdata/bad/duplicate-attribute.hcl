name = "a"
name = "b"
toolchain "x86_64" {}
export "docker" {}
