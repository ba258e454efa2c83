toolchain "x86_64" {}
rootfs {
  unchecked = ["opt"]
  program "a/b" { path = "mini.hcl" }
  program "c" {}
  program "d" {
    path   = "nothing"
    target = "bin/d"
  }
  program "e" { path = "rootfs-blocks.hcl" }
  file "/usr/bin/e" { content = "" }
  hardlink "/x" { target = "y" }
  hardlink "/z" {}
  remove "usr" {}
  remove "/usr/[a" {}
  user "Web" {}
  user "web" { password = "secret" }
  user "web" {}
  user "b" {
    group   = "a:b"
    groups  = ["audio", "C"]
    comment = "x:y"
  }
  group "g" { gid = -1 }
  fifo "/usr/bin/e/pipe" {}
}
export "docker" {}
