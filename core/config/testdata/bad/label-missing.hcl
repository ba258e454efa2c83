export "docker" {}
toolchain {}
