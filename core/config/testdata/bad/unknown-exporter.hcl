toolchain "x86_64" {}
export "dokcer" {}
