toolchain "x86_64" {}
export "docker" {}
rootfs {
  directory "/srv" { uid = -1 }
  directory "/opt" { gid = 1.5 }
  directory "/mnt" { uid = "root" }
}
