export "docker" {}
toolchain "vax" {}
