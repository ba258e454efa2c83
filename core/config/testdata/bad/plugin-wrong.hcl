export "docker" {}
toolchain "broken" {}
