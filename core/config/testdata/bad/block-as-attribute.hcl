toolchain "x86_64" {}
export "docker" {}
busybox {
  applets = { without = ["telnetd"] }
}
