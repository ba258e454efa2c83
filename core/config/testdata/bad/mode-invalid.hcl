toolchain "x86_64" {}
export "docker" {}
rootfs {
  directory "/srv" { mode = "u=rwx" }
  directory "/opt" { mode = "0888" }
  directory "/mnt" { mode = "10755" }
}
