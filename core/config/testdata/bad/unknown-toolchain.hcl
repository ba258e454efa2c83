export "docker" {}
toolchain "arch64" {}
