toolchain "x86_64" {}
export "docker" {}
busybox {
  versoin = "1.35.0"
}
