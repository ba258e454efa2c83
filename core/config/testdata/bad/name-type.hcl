name = ["mini"]
toolchain "x86_64" {}
export "docker" {}
