toolchain "x86_64" {}
export "docker" {}
busybox "1.35.0" {}
