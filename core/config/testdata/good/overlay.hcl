toolchain "x86_64" {}

rootfs {
  overlay "/" {
    source         = "files"
    keep_owner     = true
    file_mode      = "0640"
    directory_mode = "0750"
    gid            = 5
    rule "/lib/${arch}/**" {
      mode = "0755"
      uid  = 1
    }
    rule "/usr/bin/ping" {
      file_mode    = "0755"
      capabilities = "cap_net_raw+ep"
      xattrs       = { "user.a" = "b" }
    }
  }
  overlay "/opt/${each.key}" {
    for_each = { a = "motd" }
    source   = "files/${each.value}"
    rule "/opt/${each.key}/x" { directory_mode = "0700" }
  }
}

export "docker" {}
