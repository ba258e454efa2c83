name = "a"
toolchain "x86_64" {}
busybox {}
