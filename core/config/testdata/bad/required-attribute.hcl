export "docker" {}
toolchain "vendor64" {}
