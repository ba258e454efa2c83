name = "b"
export "docker" {}
busybox {}
toolchain "x86_64" {}
