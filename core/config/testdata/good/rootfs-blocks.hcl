toolchain "x86_64" {}
toolchain "aarch64" {}

rootfs {
  preset    = "boot"
  unchecked = ["/opt/vendor"]
  hardlink "/bin/also" { target = "/bin/busybox" }
  fifo "/run/pipe" {
    mode = "0600"
    uid  = 5
  }
  program "server" {
    path = "files/motd"
  }
  program "tool" {
    path      = "files/motd"
    target    = "/opt/tool"
    sysroot   = "files"
    libraries = ["files", "/usr/lib"]
    mode      = "4755"
    xattrs    = { "user.arch" = arch }

    capabilities = "cap_net_bind_service+ep"
  }
  directory "/srv" {
    xattrs        = { "user.mime_type" = "x" }
    xattrs_base64 = { "user.binary" = "AAE=" }
  }
  remove "/usr/share/{man,doc}" {}
  group "www" { gid = 33 }
  user "web" {
    uid    = 1000
    group  = "www"
    groups = ["audio"]
    home   = "/srv/web"
  }
  user "root" { password = "$6$salt$hash" }
}

export "docker" {}
