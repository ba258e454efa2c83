toolchain "x86_64" {}
rootfs {
  host {}
  host {
    all      = true
    commands = ["bash"]
  }
  host { paths = ["opt", "/a/../b", "/[a"] }
  host { commands = ["a/b", ""] }
  host { packages = ["-x", "a b"] }
  host {
    root = "files/none"
    data = ["fonts"]
  }
  host "/" { commands = ["sh"] }
  host {
    commands = ["sh"]
    exclude  = ["/"]
  }
}
export "docker" {}
