nmae = "x"
toolchain "x86_65" {}
export "dokcer" {}
busybox {
  version = "0.1"
}
rootfs {
  directory "srv" { mode = 755 }
  file "/x" { content = var.y }
}
