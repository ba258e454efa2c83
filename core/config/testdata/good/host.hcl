toolchain "x86_64" {}
busybox {
  enabled = false
  static  = false
}
rootfs {
  host {
    commands = ["bash", "/usr/bin/curl"]
    data     = ["gconv"]
  }
  host {
    root     = "files"
    packages = ["coreutils", "libc6:amd64"]
    depends  = false
    paths    = ["/opt/", "/etc/*.conf", "/"]
    exclude  = ["/usr/share/doc/**"]
    uid      = 0
  }
  layer "all" {
    host {
      root = "files"
      all  = true
    }
  }
}
export "docker" {}
