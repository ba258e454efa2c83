toolchain "x86_64" {}
export "docker" {}
busybox {
  set = {
    A = "y"
    B = "m"
    C = 1.5
    D = ["x"]
    E = "a\nb"
  }
}
