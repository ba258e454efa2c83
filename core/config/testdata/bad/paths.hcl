toolchain "x86_64" {}
export "docker" {}
rootfs {
  directory "srv" {}
  directory "/a/../b" {}
  directory "/c//d" {}
  directory "/e/" {}
  directory "/f/./g" {}
  directory "" {}
  directory "/nul\u0000" {}
  symlink "/" { target = "x" }
}
