toolchain "x86_64" {}
toolchain "aarch64" {}

rootfs {
  file "/etc/motd" { content = "mini ${arch}\n" }
  layer "libraries" {
    overlay "/opt/lib" { source = "files" }
  }
  layer "app" {
    program "server" { path = "files/motd" }
    user "web" {}
    remove "/usr/share/man" {}
  }
  directory "/srv" {}
}

rootfs {
  layer "data-1.0" {
    file "/srv/data" { content = arch }
  }
  layer "empty" {}
}

export "docker" {}
