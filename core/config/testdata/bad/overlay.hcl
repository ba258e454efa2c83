toolchain "x86_64" {}
export "docker" {}

rootfs {
  overlay "/" {
    source     = "hello.tmpl"
    mode       = "0644"
    keep_owner = "perhaps"
    rule {}
    rule "etc/*" {}
    rule "/etc/[" {}
    rule "/etc/*" {
      mode      = "0644"
      file_mode = "0600"
      owner     = 5
    }
    rule "/${each.key}" {}
    rules "/x" {}
  }
  overlay "/a" { source = "none.tar.gz" }
}
