toolchain "x86_64" {}
export "docker" {}
busybox {
  applets {
    only    = ["ash"]
    without = ["telnetd"]
  }
}
