toolchain "x86_64" {}
