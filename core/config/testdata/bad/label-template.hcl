toolchain "${"x86_64"}" {}
export "docker" {}
rootfs {
  layer "l-${arch}" {
    directory "/srv/${arch}" {}
  }
}
