name = "Mini OS"
toolchain "x86_64" {}
export "docker" {}
