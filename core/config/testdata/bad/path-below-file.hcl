toolchain "x86_64" {}
export "docker" {}
rootfs {
  file "/etc/conf/a" { content = "" }
  file "/etc/conf" { content = "" }
  symlink "/opt" { target = "usr/opt" }
  file "/opt/allowed" { content = "" }
  overlay "/dev/null/x" { source = "." }
  device "/dev/null" {
    type  = "char"
    major = 1
    minor = 3
  }
}
