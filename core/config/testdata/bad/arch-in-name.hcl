name = "mini-${arch}"
toolchain "x86_64" {}
export "docker" {}
