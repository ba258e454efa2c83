toolchain "x86_64" {}
export "docker" {}
busybox {
  set = {
    FOO        = true
    CONFIG_FOO = false
  }
}
